"""A host that gives the extension all that it takes: its fields, a comparison, its videos."""

import json
import os
from pathlib import Path

import gradio as gr

from wan_lora_studio import LoRAExtension


def made_with(name):
    return sorted(Path("videos").glob(f"{name or '*'}.mp4"))


def several(parts, prompt):
    return json.dumps([prompt, parts], sort_keys=True)


lora = LoRAExtension(loras_dir=os.environ["LORAS"], model_type="demo", results=made_with)

with gr.Blocks() as demo:
    prompt = gr.Textbox(label="Prompt")
    steps, guidance = gr.Number(20, label="Steps"), gr.Number(4, label="Guidance")
    compared = gr.Textbox(label="Compared")
    lora.controls(
        fill={"prompt": prompt, "steps": steps, "guidance_scale": guidance},
        generate=several,
        inputs=[prompt],
        outputs=compared,
    )
    lora.tab()

if __name__ == "__main__":
    lora.launch(demo)
