"""Files as ComfyUI and A1111 write them: their graphs and texts, in pictures and videos."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

INFOTEXT = """ink wash, a boat <lora:ink_style:0.8>, <lora:Folder/grain:0.5>
more of it
Negative prompt: blurry, text
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567890, \
Size: 832x480, Model hash: 0a1b2c3d4e, Model: dreamshaper_8, \
Lora hashes: "ink_style: aaaaaaaaaaaa, grain: bbbbbbbbbbbb", Version: v1.10.1"""


def two_samplers() -> dict[str, Any]:
    """ComfyUI's own template of Wan2.2 T2V A14B, with LoRAs before each expert."""

    def lora(model: str, name: str, strength: float) -> dict[str, Any]:
        return _node(
            "LoraLoaderModelOnly", model=[model, 0], lora_name=name, strength_model=strength
        )

    def sampler(model: str, latent: str, **more: Any) -> dict[str, Any]:
        return _node(
            "KSamplerAdvanced", model=[model, 0], positive=["89", 0], negative=["72", 0],
            latent_image=[latent, 0], steps=8, sampler_name="euler", scheduler="simple", **more,
        )  # fmt: skip

    return {
        "75": _node("UNETLoader", unet_name="wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors",
                    weight_dtype="default"),
        "76": _node("UNETLoader", unet_name="wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors",
                    weight_dtype="default"),
        "71": _node("CLIPLoader", clip_name="umt5_xxl_fp8.safetensors", type="wan"),
        "83": lora("75", "Wan\\style_HIGH.safetensors", 0.9),
        "84": lora("83", "both.safetensors", 0.5),
        "85": lora("76", "Wan\\style_LOW.safetensors", 0.7),
        "86": lora("85", "both.safetensors", 0.5),
        "81": _node("ModelSamplingSD3", model=["84", 0], shift=5.0),
        "82": _node("ModelSamplingSD3", model=["86", 0], shift=5.0),
        "89": _node("CLIPTextEncode", clip=["71", 0], text=["90", 0]),
        "90": _node("PrimitiveStringMultiline", value="a lighthouse in a storm"),
        "72": _node("CLIPTextEncode", clip=["71", 0], text="blurry"),
        "74": _node("EmptyHunyuanLatentVideo", width=832, height=480, length=81, batch_size=1),
        "78": sampler("81", "74", add_noise="enable", noise_seed=1234, cfg=3.5,
                      start_at_step=0, end_at_step=4, return_with_leftover_noise="enable"),
        "79": sampler("82", "78", add_noise="disable", noise_seed=0, cfg=3.0,
                      start_at_step=4, end_at_step=10000, return_with_leftover_noise="disable"),
        "87": _node("VAEDecode", samples=["79", 0], vae=["73", 0]),
        "88": _node("CreateVideo", images=["87", 0], fps=16),
        "80": _node("SaveVideo", video=["88", 0], filename_prefix="video/x"),
    }  # fmt: skip


def wrapper() -> dict[str, Any]:
    """ComfyUI-WanVideoWrapper: I2V with both experts and its LoRA nodes."""

    def sampler(model: str, **more: Any) -> dict[str, Any]:
        return _node(
            "WanVideoSampler", model=[model, 0], image_embeds=["63", 0], text_embeds=["16", 0],
            steps=6, cfg=1.0, shift=8.0, seed=43, scheduler="dpm++_sde", **more,
        )  # fmt: skip

    return {
        "22": _node("WanVideoModelLoader", base_precision="fp16", lora=["56", 0],
                    model="Wan2_2-I2V-A14B-HIGH_fp8_e4m3fn_scaled_KJ.safetensors"),
        "71": _node("WanVideoModelLoader", base_precision="fp16",
                    model="Wan2_2-I2V-A14B-LOW_fp8_e4m3fn_scaled_KJ.safetensors"),
        "56": _node("WanVideoLoraSelect", lora="WanVideo/lightx2v_rank64.safetensors", strength=3.0,
                    low_mem_load=False, prev_lora=["57", 0]),
        "57": _node("WanVideoLoraSelectMulti", lora_0="ink.safetensors", strength_0=0.6,
                    lora_1="none", strength_1=1.0, lora_2="none", strength_2=1.0, lora_3="none",
                    strength_3=1.0, lora_4="none", strength_4=1.0),
        "97": _node("WanVideoLoraSelect", lora="WanVideo/lightx2v_rank64.safetensors",
                    strength=1.0),
        "80": _node("WanVideoSetLoRAs", model=["71", 0], lora=["97", 0]),
        "16": _node("WanVideoTextEncode", positive_prompt="a cat jumps", negative_prompt="static",
                    t5=["11", 0]),
        "63": _node("WanVideoImageToVideoEncode", width=["70", 0], height=480, num_frames=81,
                    start_image=["67", 0]),
        "70": _node("INTConstant", value=640),
        "27": sampler("22", start_step=0, end_step=3),
        "90": sampler("80", samples=["27", 0], start_step=3, end_step=-1),
        "60": _node("VHS_VideoCombine", images=["28", 0], frame_rate=16, loop_count=0),
    }  # fmt: skip


def one_sampler(**lora_node: Any) -> dict[str, Any]:
    """A picture's graph: one sampler after one node with LoRAs."""
    return {
        "4": _node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "5": _node("EmptyLatentImage", width=1024, height=768, batch_size=1),
        "6": _node("CLIPTextEncode", clip=["10", 1], text="a red fox"),
        "7": _node("CLIPTextEncode", clip=["10", 1], text="ugly"),
        "3": _node("KSampler", model=["10", 0], positive=["6", 0], negative=["7", 0],
                   latent_image=["5", 0], seed=99, steps=25, cfg=7.5, denoise=1.0,
                   sampler_name="euler", scheduler="normal"),
        "8": _node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": _node("SaveImage", images=["8", 0], filename_prefix="x"),
        "10": _node("LoraLoader", model=["4", 0], clip=["4", 1], **lora_node),
    }  # fmt: skip


def drawn() -> dict[str, Any]:
    """The same kind of graph as the page draws it, with a muted and a bypassed node."""

    def node(key: int, kind: str, values: list[Any], mode: int = 0, **links: int) -> dict[str, Any]:
        inputs = [{"name": name, "type": "*", "link": link} for name, link in links.items()]
        return {"id": key, "type": kind, "mode": mode, "inputs": inputs, "widgets_values": values}

    return {
        "last_node_id": 9, "version": 0.4,
        "nodes": [
            node(1, "UNETLoader", ["wan2.2_ti2v_5B_fp16.safetensors", "default"]),
            node(2, "LoraLoaderModelOnly", ["ink.safetensors", 0.8], model=1),
            node(3, "LoraLoaderModelOnly", ["left_out.safetensors", 1.0], mode=4, model=2),
            node(4, "CLIPTextEncode", ["a boat"], clip=9),
            node(5, "CLIPTextEncode", ["noise"], clip=9),
            node(6, "Wan22ImageToVideoLatent", [1280, 704, 121, 1]),
            node(7, "KSampler", [77, "randomize", 20, 5, "uni_pc", "simple", 1],
                 model=3, positive=4, negative=5, latent_image=6),
            node(8, "LoraLoaderModelOnly", ["muted.safetensors", 1.0], mode=2, model=1),
        ],
        "links": [
            [1, 1, 0, 2, 0, "MODEL"], [2, 2, 0, 3, 0, "MODEL"], [3, 3, 0, 7, 0, "MODEL"],
            [4, 4, 0, 7, 1, "CONDITIONING"], [5, 5, 0, 7, 2, "CONDITIONING"],
            [6, 6, 0, 7, 3, "LATENT"],
        ],
    }  # fmt: skip


def png(**texts: Any) -> bytes:
    """As both write it: a text chunk each, JSON for what is no text."""
    info = PngInfo()
    for name, value in texts.items():
        info.add_text(name, value if isinstance(value, str) else json.dumps(value))
    return _saved("PNG", pnginfo=info)


def with_exif(kind: str, **graphs: Any) -> bytes:
    """ComfyUI's animated WebP: `name:JSON` in Model, Make and the tags before them."""
    exif = Image.Exif()
    tags = iter(range(0x0110, 0x0100, -1))
    for name, value in graphs.items():
        exif[next(tags)] = f"{name}:{json.dumps(value)}"
    return _saved(kind, exif=exif)


def with_user_comment(kind: str, text: str, encoding: str = "utf-16-be") -> bytes:
    """A1111's JPEG, WebP and AVIF."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + text.encode(
        encoding
    )
    return _saved(kind, exif=exif.tobytes())


def gif(comment: str) -> bytes:
    return _saved("GIF", comment=comment.encode())


def video(path: Path, metadata: Mapping[str, str], *, named: bool = False) -> bytes:
    """A short video; `named` keeps names other than FFmpeg's usual ones, as ComfyUI asks for."""
    codec = "libvpx-vp9" if path.suffix == ".webm" else "mpeg4"
    options = {"movflags": "use_metadata_tags"} if named else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return path.read_bytes()


def _saved(kind: str, **more: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind, **more)
    return file.getvalue()


def _node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}
