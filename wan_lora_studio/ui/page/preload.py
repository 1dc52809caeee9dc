"""Preload: the page's own scripts are fetched beside Gradio's, not one after another later."""

from __future__ import annotations

from lora_ui.static import ASSETS as LORA_ASSETS
from lora_ui.static import ASSETS_URL as LORA_ASSETS_URL
from wan_lora_studio.ui.static import ASSETS, ASSETS_URL

OF_OTHER_PAGES = frozenset(
    {
        "api_docs.js",
        "hosted_panel.js",
        "host_form.js",
        "host_status.js",
        "styles.js",
        "german.js",
        "chinese.js",
    }
)


def preload_links() -> list[str]:
    """A link for each module; without them, an import is only found once its importer is there."""
    places = ((LORA_ASSETS, LORA_ASSETS_URL), (ASSETS, ASSETS_URL))
    return [
        f'<link rel="modulepreload" href=".{address}/{path.relative_to(folder).as_posix()}">'
        for folder, address in places
        for path in sorted(folder.rglob("*.js"))
        if path.name not in OF_OTHER_PAGES
    ]
