"""A host whose pipeline comes later, and is exchanged for another while the page is open."""

import os
from pathlib import Path

import gradio as gr
import torch
from diffusers import WanPipeline, WanTransformer3DModel

from tests.support.tiny_models import save_tiny_model
from wan_lora_studio import LoRAExtension

lora = LoRAExtension(loras_dir=os.environ["LORAS"])
demo_model = WanPipeline.from_pretrained(os.environ["MODEL"])
narrow_model = WanPipeline.from_pretrained(save_tiny_model(Path.cwd() / "narrow"))
demo_transformer = demo_model.transformer
with torch.device("meta"):
    large_transformer = WanTransformer3DModel()  # of 14B, without memory for its weights


def load(pipeline):
    demo_model.transformer = demo_transformer
    lora.pipeline = pipeline
    return "loaded"


def show(folder):
    lora.loras_dir = folder
    return "shown"


def exchange():
    lora.pipeline.transformer = large_transformer
    return "exchanged"


with gr.Blocks() as demo:
    said = gr.Textbox(label="Said")
    gr.Button("Demo").click(lambda: load(demo_model), None, said)
    gr.Button("Narrow").click(lambda: load(narrow_model), None, said)
    gr.Button("Others").click(lambda: show("others"), None, said)
    gr.Button("Exchange").click(exchange, None, said)
    lora.controls()
    lora.tab()

if __name__ == "__main__":
    lora.launch(demo)
