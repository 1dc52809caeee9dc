"""Page steps: what axe-core finds that people with disabilities cannot use."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.browser.actions import settle

SERIOUS = ("serious", "critical")


def serious_findings(page: Page, axe: str) -> list[str]:
    settle(page)
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{item['id']}: {node['html'][:160]}"
        for item in found["violations"]
        if item["impact"] in SERIOUS
        for node in item["nodes"]
    ]
