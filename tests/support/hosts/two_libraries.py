"""A host with two libraries on one page, each in a column of its own."""

import json

import gradio as gr
from fastapi import FastAPI

from wan_lora_studio import LoRAExtension

app = FastAPI()


def told(picked):
    return json.dumps(picked, sort_keys=True)


with gr.Blocks() as demo, gr.Row():
    for name in ("first", "second"):
        lora = LoRAExtension(loras_dir=f"loras/{name}", model_type="demo")
        lora.attach(app)
        with gr.Column(elem_id=name):
            picked = lora.controls()
            gr.Button("Generate").click(told, picked, gr.Textbox(label="Result"), api_name=name)
            lora.tab()

app = gr.mount_gradio_app(app, demo, path="/")
