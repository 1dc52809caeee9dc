"""A host of another project, run where ours is installed: a Gradio page around a tiny pipeline.

It stands beside modules of its own that are called as some of our checkout's. It prints its
address, the extension's key and whose its modules are, and ends with its input.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import backend
import gradio as gr
import torch
import ui
from diffusers import UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel

import app
import utils
import wan_lora_studio
from wan_lora_studio import LoRAExtension

torch.manual_seed(0)
transformer = WanTransformer3DModel(
    num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, text_dim=16,
    freq_dim=32, ffn_dim=48, num_layers=2, rope_max_seq_len=64,
)  # fmt: skip
pipe = WanPipeline(None, None, None, UniPCMultistepScheduler(), transformer)
lora = LoRAExtension("styles", pipe)


def sums() -> dict[str, float]:
    """Every weight in one number each, to the last bit."""
    return {name: value.double().sum().item() for name, value in transformer.named_parameters()}


def generate(picked: dict[str, Any]) -> dict[str, Any]:
    before = sums()
    with lora.applied(pipe, picked) as report:
        changed = [name for name, total in sums().items() if total != before[name]]
        coverage = {name: each["coverage"] for name, each in report.loras.items()}
    return {"changed": changed, "coverage": coverage, "restored": sums() == before}


with gr.Blocks(analytics_enabled=False) as demo:
    with gr.Tab("LoRAs"):
        lora.tab()
    with gr.Tab("Generate"):
        picked = lora.controls()
        gr.Button("Generate").click(generate, picked, gr.JSON(), api_name="generate")
demo = lora.launch(demo, prevent_thread_lock=True, quiet=True, server_port=int(sys.argv[1]))
owners = [module.OWNER for module in (app, backend, ui, utils)]
print(json.dumps([demo.local_url, lora.key, owners, wan_lora_studio.__file__]), flush=True)
sys.stdin.read()
