"""The page: the status line and the tabs. It only composes."""

from __future__ import annotations

import gradio as gr

from lora_ui.lora_tab import _create_lora_tab
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.settings import Settings
from wan_lora_studio.ui.forms import PictureStore, TaskForms
from wan_lora_studio.ui.page.client_api import add_client_api
from wan_lora_studio.ui.page.gallery_tab import create_gallery_tab
from wan_lora_studio.ui.page.generate_tab import create_generate_tab
from wan_lora_studio.ui.page.labels import label
from wan_lora_studio.ui.page.models_tab import create_models_tab
from wan_lora_studio.ui.page.status_line import create_status_line
from wan_lora_studio.ui.static import TITLE
from wan_lora_studio.wan.lora_manager import LoRAManager

# Files that a call of the Gradio client sent and never used: how often they are looked for, and
# the age at which they go, in seconds.
UNUSED_FILES = (600, 3600)


def build_page(
    settings: Settings, loras: LoRAManager, uploads: LoRAUploadHandler, queue: JobQueue
) -> gr.Blocks:
    page = gr.Blocks(
        title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=UNUSED_FILES
    )
    with page:
        create_status_line(settings)
        with gr.Tabs(elem_id="studio-tabs"):
            with gr.Tab(label("tab_generate"), id="generate"):
                create_generate_tab(settings, page)
            with gr.Tab(label("tab_loras"), id="loras"):
                _create_lora_tab(settings)
            with gr.Tab(label("tab_gallery"), id="gallery"):
                create_gallery_tab(settings)
            with gr.Tab(label("tab_models"), id="models"):
                create_models_tab()
        forms = TaskForms(PictureStore(settings.data_dir / "pictures"), settings)
        add_client_api(queue, forms, loras, uploads, ResultLibrary(settings))
    return page
