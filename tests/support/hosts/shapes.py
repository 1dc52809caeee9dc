"""A host with a page for each shape that people give their apps."""

import json
import os

import gradio as gr
from fastapi import FastAPI

from wan_lora_studio import LoRAExtension

app = FastAPI()
lora = LoRAExtension(loras_dir=os.environ["LORAS"], model_type="demo")
lora.attach(app)


def told(*values):
    return json.dumps(values[-1], sort_keys=True)


def generate_part():
    picked, result = lora.controls(), gr.Textbox(label="Result")
    gr.Button("Generate").click(told, picked, result, api_name=False)
    return picked


with gr.Blocks() as interface:
    lora.tab()
    picked = lora.controls()
    fields = [gr.Textbox(label="Prompt"), picked]
    gr.Interface(told, fields, gr.Textbox(label="Result"), submit_btn="Generate")

with gr.Blocks() as chat:
    lora.tab()
    gr.ChatInterface(lambda text, past, picked: told(picked), additional_inputs=[lora.controls()])

with gr.Blocks() as twice:
    lora.tab()
    for name in ("text", "image"):
        with gr.Column(elem_id=name):
            generate_part()

with gr.Blocks() as hidden:
    show = gr.Button("Show")
    with gr.Column(visible=False) as column:
        lora.tab()
        generate_part()
    show.click(lambda: gr.update(visible=True), None, column)

with gr.Blocks() as pages:
    generate_part()
with pages.route("LoRAs", "/loras"):
    lora.tab()

with gr.Blocks() as loaded:
    loaded.load(lambda: {"golden_hour": 0.75}, None, generate_part())

with gr.Blocks() as tab_of_tabs:
    lora.tab()
with gr.Blocks() as controls_of_tabs:
    generate_part()
tabbed = gr.TabbedInterface([tab_of_tabs, controls_of_tabs], ["LoRAs", "Make"])

SHAPES = {
    "interface": interface,
    "chat": chat,
    "twice": twice,
    "hidden": hidden,
    "pages": pages,
    "loaded": loaded,
    "tabbed": tabbed,
}
for path, demo in SHAPES.items():
    gr.mount_gradio_app(app, demo, path=f"/{path}")
