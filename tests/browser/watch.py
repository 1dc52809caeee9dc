"""Watch: what a page must not do while it is tested."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Watch:
    """Complaints of the page, and requests to other hosts, but for those that are expected."""

    complaints: list[str]
    expected: list[str]

    def add(self, text: str) -> None:
        if not any(part in text for part in self.expected):
            self.complaints.append(text)
