"""Watch: what a page must not do while it is tested."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request


@dataclass
class Watch:
    """Complaints of the page, and requests to other hosts, but for those that are expected."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        if not any(part in text for part in self.expected):
            self.complaints.append(text)

    def listen(self, page: Page, home: str | None = None) -> None:
        """Hear every complaint of the page, and every request to another address than `home`."""

        def heard(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.add(f"{message.text} {message.location}")

        def asked(request: Request) -> None:
            if home is not None and not request.url.startswith((home, "data:", "blob:")):
                self.add(f"asked another host: {request.url}")

        page.on("console", heard)
        page.on("pageerror", lambda error: self.add(f"uncaught: {error}"))
        page.on("request", asked)
        page.on("dialog", lambda dialog: self.add(f"a script opened a dialog: {dialog.message}"))
