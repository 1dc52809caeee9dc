"""A host that shows what the controls give and take; LAUNCH holds its options of `launch`."""

import json
import os

import gradio as gr

from wan_lora_studio import LoRAExtension

lora = LoRAExtension(loras_dir=os.environ["LORAS"], model_type="demo")


def told(picked):
    return json.dumps(picked, sort_keys=True)


def doubled(picked):
    return {name: strength * 2 for name, strength in picked.items()}


with gr.Blocks() as demo:
    gr.Markdown("# As it was")
    with gr.Tab("LoRAs"):
        lora.tab()
    with gr.Tab("Generate"):
        picked = lora.controls()
        result, changes = gr.Textbox(label="Result"), gr.Textbox(label="Changes")
        gr.Button("Generate").click(told, picked, result, api_name="generate")
        gr.Button("Set").click(lambda: {"golden_hour": 0.25}, None, picked, api_name="set")
        gr.Button("Double").click(doubled, picked, picked, api_name="double")
        gr.ClearButton([picked], value="Empty")
        picked.change(told, picked, changes, api_name=False)

if __name__ == "__main__":
    lora.launch(demo, **json.loads(os.environ.get("LAUNCH", "{}")))
