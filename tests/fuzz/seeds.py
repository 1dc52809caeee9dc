"""Where each target begins: one sound input at least, and hostile ones."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PIL import Image

from tests.fuzz import targets
from tests.fuzz.targets import METADATA_KEYS, Target
from tests.support.foreign_files import (
    INFOTEXT,
    drawn,
    gif,
    one_sampler,
    png,
    two_samplers,
    with_exif,
    with_user_comment,
    wrapper,
)
from tests.support.loras.files import layer_keys
from tests.support.result_files import WANGP, video_bytes
from tests.support.result_files import metadata as our_metadata
from wan_lora_studio.lora.files.sidecar_forms import READ

DEEP = b"[" * 300 + b"]" * 300
LONG = b"9" * 4400


def packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def lora_header(metadata: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A header of two layers in diffusers' names."""
    keys = layer_keys("diffusion_model.{m}", blocks=1, only=("self_attn.q", "ffn.0"), alpha=True)
    found: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    start = 0
    for key, shape in keys.items():
        size = 4
        for side in shape:
            size *= side
        found[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, start + size]}
        start += size
    return found


def whole_file(metadata: Mapping[str, str] | None = None) -> bytes:
    header = lora_header(metadata)
    size = max(entry["data_offsets"][1] for key, entry in header.items() if key[0] != "_")
    return packed(header) + b"\0" + bytes(size)


def texts(*values: bytes) -> bytes:
    """One text for each name that is read, the values in turn."""
    return b"\xff".join(
        bytes([index]) + values[index % len(values)] for index in range(len(METADATA_KEYS))
    )


def pictures() -> tuple[bytes, ...]:
    found = []
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        data = io.BytesIO()
        Image.new("RGB", (8, 8), "teal").save(data, kind)
        found.append(data.getvalue())
    return tuple(found)


def foreign() -> tuple[bytes, ...]:
    """What ComfyUI and A1111 write."""
    graphs = two_samplers(), wrapper(), one_sampler(lora_1={"lora": "a.safetensors"}), drawn()
    return (
        *map(packed, graphs),
        png(prompt=graphs[2], workflow=graphs[3]),
        png(parameters=INFOTEXT),
        with_exif("WEBP", prompt=graphs[2]),
        with_user_comment("JPEG", INFOTEXT),
        gif(INFOTEXT),
        INFOTEXT.encode(),
        b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x12\x54\xc3\x67\x9e\x73\x73\x9b\x67\xc8\x98"
        b'\x45\xa3\x87COMMENT\x44\x87\x8b{"prompt":1}',
    )


def gguf_files() -> tuple[bytes, ...]:
    """Of one tensor in blocks, with values of several types, and one that claims too much."""
    values = b"".join(
        struct.pack("<Q", len(key)) + key + rest
        for key, rest in (
            (b"general.alignment", struct.pack("<II", 4, 32)),
            (b"text", struct.pack("<IQ", 8, 2) + b"ab"),
            (b"comfy.gguf.orig_shape.a", struct.pack("<IIQii", 9, 5, 2, 2, 32)),
            (b"texts", struct.pack("<IIQQ", 9, 8, 1, 1) + b"a"),
        )
    )
    tensor = struct.pack("<Q", 1) + b"a" + struct.pack("<IQQIQ", 2, 32, 2, 8, 0)
    start = b"GGUF" + struct.pack("<IQQ", 3, 1, 4) + values + tensor
    whole = start.ljust(-(-len(start) // 32) * 32, b"\0") + bytes(68)
    return whole, b"GGUF" + struct.pack("<IQQ", 3, 2**40, 2**40)


def zips() -> tuple[bytes, ...]:
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", method) as archive:
            archive.writestr("a/b.safetensors", bytes(500))
            archive.writestr("../c.png", b"x" * 50)
        found.append(data.getvalue())
    return tuple(found)


SIDECARS = (
    b'{"description":"<p>a</p>","sd version":"x","activation text":"a, b","preferred weight":0.5,'
    b'"negative text":"n","notes":"n"}',
    b'{"model_name":"a","tags":["a"],"civitai":{"trainedWords":["a"],"creator":{"username":"u"}},'
    b'"usage_tips":"{\\"strength\\":0.5,\\"strength_min\\":0.1}","favorite":true}',
    b'{"name":"v1","trainedWords":"a","model":{"name":"m","tags":"x"},"baseModel":"Wan"}',
    b'{"modelVersions":[{"name":"v"}],"name":"m"}',
    b"trigger: a, b",
    b'{"description":"<![foo["}',
    "ключ, слово".encode("cp1251"),
    "触发词".encode("gbk"),
    DEEP,
    b'{"preferred weight":' + LONG + b"}",
)
TASK = our_metadata(
    {"neon": {"sha256": "a" * 64, "outcome": "applied"}}, selected_loras={"neon": [[0, 1], [1, 0]]}
)
STRENGTHS = (
    b'{"a":1,"b":{"high":0.5,"low":[[0,1],[0.5,0]]},"c":[[0,1]]}',
    b'{"a":1e308,"b":{"high":null},"c":[[[]]],"d":true,"":1,"e":-0.0}',
    b'{"a":' + b"9" * 99 + b"}",
)

TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "json": Target(targets.json_text, (packed([1, "a", {"b": None}]), DEEP, LONG)),
        "header": Target(
            targets.header,
            (
                packed(lora_header()),
                packed(lora_header({"a": "b"})),
                json.dumps(lora_header({"ss_tag_frequency": '{"a": {"b": 1}}'})).encode(),
                b'{"a":{"dtype":"F32","shape":[' + LONG + b'],"data_offsets":[0,8]}}',
                b'{"__metadata__":{"a":' + DEEP + b"}}",
            ),
        ),
        "file": Target(
            targets.lora_file,
            (whole_file(), whole_file({"modelspec.tags": "[[1]]", "format": "pt"})),
            longest=2500,
        ),
        "metadata": Target(
            targets.metadata,
            (
                texts(b"a, b", b'["a"]', b'{"a":{"b":3}}', b"875,1000", b"[[[", b"None"),
                texts(b'{"transformer.lora_alpha":8,"transformer.alpha_pattern":{"a.b":1}}'),
                texts(DEEP, LONG, b'{"a":{"b":' + LONG + b"}}"),
                texts(b"data:image/png;base64,AAAA", b'["data:image/png;base64,AA"]'),
            ),
            longest=1600,
        ),
        "sidecar": Target(
            targets.sidecar,
            tuple(bytes([index]) + text for index in range(len(READ)) for text in SIDECARS),
        ),
        "configuration": Target(
            targets.configuration,
            (
                b'{"lora_alpha":8,"r":4,"use_rslora":true,"alpha_pattern":{"a":1}}',
                b'{"peft_type":"LOKR","r":8,"alpha":1,"rank_pattern":{},"init_lora_weights":true}',
                b'{"r":1e300,"alpha":' + b"9" * 99 + b',"peft_type":"LOKR"}',
            ),
        ),
        "encoding": Target(targets.encoding, ("a".encode("utf-16"), *SIDECARS)),
        "sets": Target(
            targets.sets,
            (
                packed({"format": "wan-lora-set", "version": 1, "name": "a", "loras": [
                    {"name": "neon", "strength": 1, "on": True, "sha256": {"both": "a" * 64}}]}),
                packed({"loras": ["a.safetensors", "p_high"], "loras_mult": "1 0;1 0.5,1",
                        "prompt": "# a\nb", "full_prompt": False}),
                packed({"activated_loras": ["a"], "loras_multipliers": "1;0;1"}),
                DEEP,
            ),
        ),
        "comment": Target(targets.comment, (video_bytes(),), longest=3000),
        "video": Target(
            targets.video,
            (packed(TASK), packed(WANGP), video_bytes(), packed({"task": DEEP.decode()})),
            longest=2500,
        ),
        "task": Target(
            targets.task,
            (packed(TASK["task"]), packed({"model_type": "t2v-A14B", "prompt": "a"})),
        ),
        "wangp": Target(targets.wangp, (packed(WANGP),)),
        "multipliers": Target(
            targets.multipliers,
            (b"\x031 0;1 0.5,1", b"\x021;0;1 | 1", b"\x01# a\n1e5", b"\x05" + LONG, b"\x021,,;-.5"),
        ),
        "selection": Target(targets.selection, STRENGTHS),
        "gguf": Target(targets.gguf_header, gguf_files(), longest=2000),
        "names": Target(
            targets.names,
            (
                b"style_HIGH_v2.safetensors", b"Wan22-H-e8.safetensors", b"CON .x", b"../../etc",
                "高噪/é̂\u202e".encode(), b"\xff\xfe.preview.PNG", b"a" * 400, b"h_l_hi_lo_high",
            ),
        ),
        "picture": Target(targets.picture, pictures(), longest=2000),
        "strips": Target(targets.strips, pictures()[:1], longest=2000),
        "foreign": Target(targets.video, foreign(), longest=2500),
        "archive": Target(targets.archive, zips(), longest=2000),
    }
)  # fmt: skip
