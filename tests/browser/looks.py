"""How the page is looked at: light, dark, and on a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, ViewportSize


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    name: str
    size: ViewportSize
    scheme: Literal["light", "dark"]
    scale: float = 1.0

    @property
    def is_phone(self) -> bool:
        return self.size["width"] < 600


DESK_LIGHT = Look("light", {"width": 1360, "height": 900}, "light")
DESK_DARK = Look("dark", {"width": 1360, "height": 900}, "dark")
PHONE = Look("phone", {"width": 360, "height": 780}, "light", 1.5)
LOOKS = (DESK_LIGHT, DESK_DARK, PHONE)


def context_for(browser: Browser, look: Look) -> BrowserContext:
    return browser.new_context(
        viewport=look.size,
        color_scheme=look.scheme,
        device_scale_factor=look.scale,
        has_touch=look.is_phone,
        is_mobile=look.is_phone,
    )
