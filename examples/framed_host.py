"""A Wan app with LoRAs, and a page of another site that shows it in a frame.

Start it with MODEL=models/demo LORAS=my_loras python examples/framed_host.py
"""

import os
import tempfile

import gradio as gr
import torch
import uvicorn
from diffusers import WanPipeline
from diffusers.utils import encode_video
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

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


with gr.Blocks() as demo:
    prompt = gr.Textbox(label="Prompt")
    steps, seed = gr.Number(20, label="Steps"), gr.Number(0, label="Seed")
    picked = lora.controls()
    gr.Button("Generate").click(generate, [prompt, steps, seed, picked], gr.Video(label="Video"))
    lora.tab()

page = FastAPI()


@page.get("/", response_class=HTMLResponse)
def front():  # to a browser, localhost and 127.0.0.1 are two sites: the frame keeps no cookie
    return f'<h1>Our site</h1><iframe src="{demo.local_url}" width="100%" height="2000"></iframe>'


if __name__ == "__main__":
    lora.launch(demo, prevent_thread_lock=True)
    uvicorn.run(page, host="localhost", port=int(os.environ.get("PORT", "8000")))
