"""Documents: pages to read beside the app's own, all with the same head."""

from __future__ import annotations

from html import escape
from string import Template

from fastapi.responses import HTMLResponse

from wan_lora_studio.ui.static import ASSETS, TITLE

FRESH = {"Cache-Control": "no-cache"}


def document(title: str, body: str, *, style: str, root: str) -> HTMLResponse:
    """A page with this HTML in its body. `style` names one more file of the page's assets; `root`
    leads from the page's address to the app's."""
    template = Template((ASSETS / "document.html").read_text(encoding="utf-8"))
    named = title if title == TITLE else f"{title} · {TITLE}"
    text = template.substitute(title=escape(named), body=body, style=style, root=root)
    return HTMLResponse(text, headers=FRESH)
