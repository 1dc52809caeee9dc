"""What all tests share."""

from __future__ import annotations

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """The Chromium for the page's tests; None means Playwright's own.

    `scripts/test` finds or installs one and names it in CHROMIUM.
    """
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), None)
