"""ComfyUI graph: nodes whose inputs are values or links to the outputs of other nodes.

Two forms are read. The one that is run (`prompt` in a file, "Export (API)"): `{id: {class_type,
inputs}}`, a link being `[id, output]`; source: execution.py of github.com/comfyanonymous/ComfyUI.
And the one that is drawn (`workflow`, "Export"): nodes with `widgets_values`, and links in a list
of their own; source: the graph schema of ComfyUI_frontend. All of it is untrusted: nothing is
followed twice, and only so far.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

MAX_NODES = 5000
MAX_STEPS = 200  # links that are followed for one value
MUTED, BYPASSED = 2, 4
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
Inputs = Mapping[str, Any]

# A node that passes a value on has it under one of these.
VALUES = ("value", "string", "text", "prompt", "int", "float", "number", "seed", "noise_seed")
PARTS = re.compile(r"(?:text|string)_?(?:[a-d]|[1-9])")
# The values of a drawn node have no names. In the order of the nodes' INPUT_TYPES; "" is what the
# page adds after a seed.
WIDGETS: Mapping[str, tuple[str, ...]] = {
    "CLIPTextEncode": ("text",),
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        "add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler",
        "start_at_step", "end_at_step", "return_with_leftover_noise",
    ),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "UnetLoaderGGUF": ("unet_name",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "ModelSamplingSD3": ("shift",),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "EmptyHunyuanLatentVideo": ("width", "height", "length", "batch_size"),
    "WanImageToVideo": ("width", "height", "length", "batch_size"),
    "Wan22ImageToVideoLatent": ("width", "height", "length", "batch_size"),
    "CreateVideo": ("fps",),
    "RandomNoise": ("noise_seed", ""),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "CFGGuider": ("cfg",),
    "PrimitiveInt": ("value", ""),
    "PrimitiveFloat": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "INTConstant": ("value",),
    "WanVideoModelLoader": ("model",),
    "WanVideoTextEncode": ("positive_prompt", "negative_prompt"),
    "WanVideoLoraSelect": ("lora", "strength"),
    "WanVideoLoraSelectMulti": tuple(
        name for at in range(5) for name in (f"lora_{at}", f"strength_{at}")
    ),
    "WanVideoEmptyEmbeds": ("width", "height", "num_frames"),
    "WanVideoImageToVideoEncode": ("width", "height", "num_frames"),
    "WanVideoSampler": ("steps", "cfg", "shift", "seed", ""),
    "SetNode": ("name",),
    "GetNode": ("name",),
}  # fmt: skip
AFTER_SEED = frozenset({"fixed", "randomize", "increment", "decrement"})


@dataclass(frozen=True, slots=True)
class Node:
    """A node: what it is, and its inputs by name."""

    id: str
    kind: str
    inputs: Inputs

    @property
    def links(self) -> dict[str, str]:
        """The nodes that its inputs come from, by the input's name."""
        return {name: str(raw[0]) for name, raw in self.inputs.items() if is_link(raw)}


@dataclass(frozen=True)
class Graph:
    nodes: Mapping[str, Node] = field(default_factory=dict)

    def source(self, raw: Any) -> Node | None:
        """The node that a link comes from."""
        return self.nodes.get(str(raw[0])) if is_link(raw) else None

    def upstream(
        self, start: Node, follow: Callable[[str], bool], *, itself: bool = True
    ) -> Iterator[Node]:
        """The nodes that `start` gets its inputs from, the nearest first, each once; only along
        inputs whose name `follow` takes. A node with one link alone passes it on."""
        seen, waiting = {start.id}, [start]
        if itself:
            yield start
        for node in waiting:  # grows on the way
            links = node.links
            only = len(links) == 1 and node is not start
            for name, source in links.items():
                found = self.nodes.get(source)
                if found and source not in seen and (only or follow(name)):
                    seen.add(source)
                    waiting.append(found)
                    yield found

    def text(self, raw: Any) -> str | None:
        """The text of an input, also one that comes from nodes that pass it on or join it."""
        value = self._value(raw, (str,), count())
        return value if isinstance(value, str) else None

    def number(self, raw: Any) -> float | int | None:
        value = self._value(raw, (int, float), count())
        return None if isinstance(value, bool) else value

    def _value(self, raw: Any, kinds: tuple[type, ...], steps: Iterator[int]) -> Any:
        if isinstance(raw, kinds):
            return raw
        node = self.source(raw)
        if node is None or next(steps) > MAX_STEPS:
            return None
        parts = [name for name in sorted(node.inputs) if str in kinds and PARTS.fullmatch(name)]
        if len(parts) > 1:
            joint = node.inputs.get("delimiter", ", ")
            texts = (self._value(node.inputs[name], kinds, steps) for name in parts)
            return (joint if isinstance(joint, str) else ", ").join(filter(None, texts))
        names = [name for name in VALUES if name in node.inputs]
        names = names or (list(node.inputs) if len(node.inputs) == 1 else [])
        found = (self._value(node.inputs[name], kinds, steps) for name in names)
        return next((value for value in found if value is not None), None)


def is_link(raw: Any) -> bool:
    return (
        isinstance(raw, list)
        and len(raw) == 2
        and isinstance(raw[0], str | int)
        and isinstance(raw[1], int)
    )


def is_run(values: Any) -> bool:
    """Whether this is a graph as it is run."""
    if not isinstance(values, dict) or not values:
        return False
    nodes = [node for node in values.values() if isinstance(node, dict)]
    return any(isinstance(node.get("class_type"), str) for node in nodes)


def is_drawn(values: Any) -> bool:
    """Whether this is a graph as it is drawn."""
    nodes = values.get("nodes") if isinstance(values, dict) else None
    return isinstance(nodes, list) and "links" in values


def run_graph(values: Mapping[str, Any]) -> Graph:
    nodes = {}
    for key, node in list(values.items())[:MAX_NODES]:
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict):
            nodes[str(key)] = Node(str(key), str(node.get("class_type", "")), node["inputs"])
    return Graph(nodes)


def drawn_graph(values: Mapping[str, Any]) -> Graph:
    links = _drawn_links(values.get("links"))
    nodes: dict[str, Node] = {}
    for node in [n for n in values["nodes"] if isinstance(n, dict)][:MAX_NODES]:
        if node.get("mode") != MUTED:
            key, kind = str(node.get("id")), str(node.get("type", ""))
            linked = _linked(node, links)
            named = {} if node.get("mode") == BYPASSED else _named(node, kind)
            nodes[key] = Node(key, kind, {**named, **linked})
    return Graph(_with_set_nodes(nodes))


def model_hashes_in(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of model files with their SHA256, which a workflow and its nodes list as `models`."""
    properties = (node.get("properties") for node in values["nodes"] if isinstance(node, dict))
    for place in (values, *(each for each in properties if isinstance(each, dict))):
        models = place.get("models")
        for model in models if isinstance(models, list) else ():
            if isinstance(model, dict) and str(model.get("hash_type", "")).upper() == "SHA256":
                name, sha256 = model.get("name"), model.get("hash")
                if isinstance(name, str) and isinstance(sha256, str) and SHA256.fullmatch(sha256):
                    yield name, sha256.lower()


def _drawn_links(links: Any) -> dict[Any, list[Any]]:
    """What each link comes from, by its id: a list, or an object in newer files."""
    found = {}
    for link in links if isinstance(links, list) else ():
        if isinstance(link, list) and len(link) >= 3 and isinstance(link[0], int):
            found[link[0]] = [link[1], link[2]]
        elif isinstance(link, dict) and isinstance(link.get("id"), int):
            found[link["id"]] = [link.get("origin_id"), link.get("origin_slot")]
    return found


def _linked(node: Mapping[str, Any], links: Mapping[Any, list[Any]]) -> dict[str, Any]:
    """The inputs that come from other nodes."""
    found = {}
    for each in _inputs(node):
        link = each.get("link")
        if isinstance(link, int) and link in links:
            found[str(each.get("name", ""))] = links[link]
    return found


def _named(node: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The values of a drawn node by name."""
    values = node.get("widgets_values")
    if isinstance(values, dict):
        return {str(name): value for name, value in values.items()}
    if not isinstance(values, list):
        return {}
    names: Collection[str] = WIDGETS.get(kind, ())
    if not names:
        widgets = [each["widget"] for each in _inputs(node) if isinstance(each.get("widget"), dict)]
        names = [str(widget.get("name", "")) for widget in widgets]
        values = [value for value in values if not _is_after_seed(value)]
    named = dict(zip(names, values, strict=False))
    loose = {f"lora_{at}": value for at, value in enumerate(values) if isinstance(value, dict)}
    return {**loose, **named}


def _is_after_seed(value: Any) -> bool:
    return isinstance(value, str) and value in AFTER_SEED


def _inputs(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inputs = node.get("inputs")
    return [each for each in inputs if isinstance(each, dict)] if isinstance(inputs, list) else []


def _with_set_nodes(nodes: dict[str, Node]) -> dict[str, Node]:
    """The nodes with links in place of KJNodes' `SetNode` and `GetNode`, joined by a name."""
    places = {
        node.inputs.get("name"): raw
        for node in nodes.values()
        if node.kind == "SetNode"
        for raw in node.inputs.values()
        if is_link(raw) and isinstance(node.inputs.get("name"), str)
    }
    for key, node in nodes.items():
        name = node.inputs.get("name")
        if node.kind == "GetNode" and isinstance(name, str) and name in places:
            nodes[key] = Node(key, "GetNode", {"value": places[name]})
    return nodes
