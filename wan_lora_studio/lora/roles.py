"""Experts and roles: which experts a model has, and which of them a LoRA file is for."""

from __future__ import annotations

from typing import Literal

Role = Literal["both", "high", "low"]
Expert = Literal["high", "low"]
EXPERTS: tuple[Expert, Expert] = ("high", "low")
