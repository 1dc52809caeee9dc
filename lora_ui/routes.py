"""The routes and the assets that a host mounts."""

from lora_ui.http import create_lora_router, lora_assets

__all__ = ["create_lora_router", "lora_assets"]
