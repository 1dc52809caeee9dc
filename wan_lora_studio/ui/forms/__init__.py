"""Forms: from what a page or a shell sends to tasks and input pictures.

It knows neither Gradio nor a route.
"""

from __future__ import annotations

from wan_lora_studio.ui.forms.grid_sheets import sheet_of_grid, sheet_of_job
from wan_lora_studio.ui.forms.housekeeping import Housekeeping
from wan_lora_studio.ui.forms.input_pictures import Picture, PictureStore
from wan_lora_studio.ui.forms.likeness import Likeness, from_video, restored_here
from wan_lora_studio.ui.forms.lora_trials import LoRATrials
from wan_lora_studio.ui.forms.task_forms import PartForm, Submission, TaskForms

__all__ = [
    "Housekeeping",
    "Likeness",
    "LoRATrials",
    "PartForm",
    "Picture",
    "PictureStore",
    "Submission",
    "TaskForms",
    "from_video",
    "restored_here",
    "sheet_of_grid",
    "sheet_of_job",
]
