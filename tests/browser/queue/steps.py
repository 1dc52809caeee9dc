"""Queue steps: asking the server for jobs, and leaving it without any."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.browser.actions import nothing_runs
from tests.browser.running import App


def clear(page: Page, app: App) -> None:
    post(page, app, "api/queue/resume")
    for job in page.request.get(f"{app.address}api/jobs").json():
        post(page, app, f"api/jobs/{job['id']}/cancel")
    nothing_runs(page)
    post(page, app, "api/queue/clear")


def post(page: Page, app: App, path: str, **body: Any) -> Any:
    answer = page.request.post(f"{app.address}{path}", data=body or None)
    assert answer.ok, answer.text()
    return answer.json()
