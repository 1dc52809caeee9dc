"""A Gradio app around diffusers' Wan pipeline, with LoRAs.

Start it with MODEL=models/demo LORAS=my_loras python examples/plain_blocks.py
"""

import os
import tempfile

import gradio as gr
import torch
from diffusers import WanPipeline
from diffusers.utils import encode_video

from wan_lora_studio import LoRAExtension

MODEL = os.environ.get("MODEL", "Wan-AI/Wan2.2-TI2V-5B-Diffusers")
WIDTH, HEIGHT, FRAMES, FPS = 128, 128, 17, 8  # the demo model's; a real one wants more

pipe = WanPipeline.from_pretrained(MODEL)
lora = LoRAExtension(loras_dir=os.environ.get("LORAS", "loras"), pipeline=pipe)


def generate(prompt, steps, seed, picked, progress=gr.Progress(track_tqdm=True)):
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


with gr.Blocks(title="Wan") as demo:
    with gr.Tab("LoRAs"):
        lora.tab()
    with gr.Tab("Generate"):
        prompt = gr.Textbox(label="Prompt")
        with gr.Row():
            steps = gr.Slider(1, 50, 20, step=1, label="Steps")
            seed = gr.Number(0, label="Seed", precision=0)
        picked = lora.controls()
        button = gr.Button("Generate", variant="primary")
        result = gr.Video(label="Video")
    button.click(generate, [prompt, steps, seed, picked], result)

if __name__ == "__main__":
    lora.launch(demo)
