"""The limit for each test, in seconds."""

from __future__ import annotations

# Many times what the longest test takes, so that a busy machine is no reason to fail.
TEST_SECONDS = 900
