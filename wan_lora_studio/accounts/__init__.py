"""Accounts: who may sign in, with which password or token, and what they may do.

It knows no HTTP.
"""

from __future__ import annotations

from wan_lora_studio.accounts.audit import Audit
from wan_lora_studio.accounts.roles import ROLES, Role, may
from wan_lora_studio.accounts.sign_ins import SignIns
from wan_lora_studio.accounts.user_file import Account, UserFile

__all__ = ["ROLES", "Account", "Audit", "Role", "SignIns", "UserFile", "may"]
