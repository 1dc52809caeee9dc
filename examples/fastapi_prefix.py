"""A FastAPI service that shows a Wan page at /studio, with LoRAs.

Start it with MODEL=models/demo LORAS=my_loras uvicorn --app-dir examples fastapi_prefix:app
"""

import os
import tempfile

import gradio as gr
import torch
from diffusers import WanPipeline
from diffusers.utils import encode_video
from fastapi import FastAPI

from wan_lora_studio import LoRAExtension

MODEL = os.environ.get("MODEL", "Wan-AI/Wan2.2-TI2V-5B-Diffusers")
WIDTH, HEIGHT, FRAMES, FPS = 128, 128, 17, 8  # the demo model's; a real one wants more

pipe = WanPipeline.from_pretrained(MODEL)
lora = LoRAExtension(loras_dir=os.environ.get("LORAS", "loras"), pipeline=pipe)


def generate(prompt, steps, seed, picked):
    with lora.applied(pipe, picked):
        video = pipe(
            prompt,
            width=WIDTH,
            height=HEIGHT,
            num_frames=FRAMES,
            num_inference_steps=int(steps),
            generator=torch.Generator().manual_seed(int(seed)),
        ).frames[0]
    path = os.path.join(tempfile.mkdtemp(), "video.mp4")
    encode_video(video, FPS, path)
    return path


with gr.Blocks(title="Wan") as demo, gr.Row():
    with gr.Column():
        prompt = gr.Textbox(label="Prompt")
        steps, seed = gr.Number(20, label="Steps"), gr.Number(0, label="Seed")
        picked = lora.controls()
        button = gr.Button("Generate", variant="primary")
        result = gr.Video(label="Video")
    with gr.Column():
        lora.tab()
    button.click(generate, [prompt, steps, seed, picked], result)

app = FastAPI()


@app.get("/health")
def health():
    return {"model": MODEL}


lora.attach(app)
app = gr.mount_gradio_app(app, demo, path="/studio")
