"""ComfyUI's files, read as a task of ours: the graph is followed from the samplers' inputs.

By the names of inputs and not of nodes, as far as that goes, so that nodes of any package are
read: ComfyUI's own (nodes.py, comfy_extras), ComfyUI-WanVideoWrapper, rgthree-comfy, Efficiency,
Comfyroll, ComfyUI-Lora-Manager. What Wan2.2's two experts are made of is two samplers in a row,
each with a model and LoRAs of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wan_lora_studio.lora.inspection import name_role
from wan_lora_studio.results.comfyui_graph import (
    Graph,
    Node,
    drawn_graph,
    is_drawn,
    is_link,
    is_run,
    model_hashes_in,
    run_graph,
)
from wan_lora_studio.results.facts import (
    MAX_LORAS,
    UsedLoRA,
    VideoFacts,
    file_stem,
    is_whole,
    known_fields,
    known_model,
)
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json

SAMPLED = frozenset({"positive", "text_embeds", "guider", "conditioning"})
LATENTS = frozenset({"latent_image", "samples", "latent", "latents", "init_latents"})
MODEL_FILES = ("unet_name", "ckpt_name", "model_name", "model", "gguf_name")
TEXTS = ("text", "prompt", "string", "text_g", "t5xxl", "clip_l", "text_positive")
PASSED_ON = re.compile(r"cond|original_text_embeds")
LORA = re.compile(r"lora(?:_name)?_?(\d*)")
_NAN = re.compile(r"(?<=[\[:,\s])NaN(?=[\]},\s])")
NO_LORA = ("", "none")
STRENGTHS = (
    "strength_model", "strength", "model_strength", "model_weight", "lora_weight", "lora_wt",
    "model_str", "lora_strength", "weight",
)  # fmt: skip
SWITCHES = ("switch", "toggle", "enabled", "on", "active")
OFF = (False, "off", "false", "disable", "disabled", "no")


def is_comfyui(metadata: Any) -> bool:
    return _graph(metadata) is not None


def facts_of_comfyui(metadata: Mapping[str, Any]) -> VideoFacts:
    """The facts of a graph, or of an object that holds one as `prompt` or `workflow`, with notes
    on what could not be followed. `is_comfyui` must be true of it."""
    graph = _graph(metadata) or Graph()
    notes: list[str] = []
    samplers = _samplers(graph)
    if not samplers:
        notes.append(say("results.reading.no_sampler"))
    stages = [stage for node in samplers for stage in _stages(graph, node)]
    task = _task(graph, stages, notes) if stages else {}
    if is_drawn_with_groups(metadata):
        notes.append(say("results.reading.subgraphs"))
    hashes = model_hashes(metadata)
    loras = tuple(
        replace(lora, shorts=(hashes[lora.name],)) if lora.name in hashes else lora
        for lora in (_loras(stages) if stages else _all_loras(graph))
    )
    return VideoFacts("comfyui", known_fields(task), loras, metadata, notes=tuple(notes))


def _graph(metadata: Any) -> Graph | None:
    """The graph in a file's JSON: as it was run, else as it was drawn."""
    if not isinstance(metadata, dict):
        return None
    places = [metadata, *(_object(metadata.get(name)) for name in ("prompt", "workflow"))]
    run = next((place for place in places if is_run(place)), None)
    if run is not None:
        return run_graph(run)
    drawn = next((place for place in places if is_drawn(place)), None)
    return None if drawn is None else drawn_graph(drawn)


def model_hashes(metadata: Mapping[str, Any]) -> dict[str, str]:
    """SHA256 by file name, as a drawn graph gives it; a file has that beside the one that ran."""
    places = [metadata, _object(metadata.get("workflow"))]
    return {
        file_stem(name): sha256
        for place in places
        if is_drawn(place)
        for name, sha256 in model_hashes_in(place)
    }


def is_drawn_with_groups(metadata: Mapping[str, Any]) -> bool:
    places = [metadata, *(_object(metadata.get(name)) for name in ("prompt", "workflow"))]
    if any(map(is_run, places)):
        return False
    drawn: dict[str, Any] = next((place for place in places if is_drawn(place)), {})
    definitions = drawn.get("definitions")
    return isinstance(definitions, dict) and bool(definitions.get("subgraphs"))


def _object(value: Any) -> Any:
    """VHS writes the graph as a text within its JSON."""
    if not isinstance(value, str):
        return value
    for text in (value, without_nan(value)):
        try:
            return read_json(text)
        except UntrustedJSONError:
            continue
    return None


def without_nan(text: str) -> str:
    """The text with null for ComfyUI's NaN, which is no JSON: nodes whose inputs always count as
    changed have it as `is_changed`."""
    return _NAN.sub("null", text)


def _samplers(graph: Graph) -> list[Node]:
    """The samplers in the order in which they run, as far as one takes over from another."""
    found = [node for node in graph.nodes.values() if _is_sampler(node)]
    ids = {node.id for node in found}

    def before(node: Node) -> int:
        latents = graph.upstream(node, LATENTS.__contains__, itself=False)
        return sum(other.id in ids for other in latents)

    places = {node.id: before(node) for node in found}
    found.sort(key=lambda node: places[node.id])
    if not found:
        return []
    # Of several that have nothing to do with each other, those that lead to the longest row.
    last = found[-1]
    row = {node.id for node in graph.upstream(last, LATENTS.__contains__)}
    return [node for node in found if node.id in row]


def _is_sampler(node: Node) -> bool:
    names = node.inputs.keys()
    steps = "steps" in names or "sigmas" in names
    return steps and any(is_link(node.inputs[name]) for name in SAMPLED & names)


@dataclass(frozen=True)
class Stage:
    """A sampler with what it gets: `expert` is high, low or "" where its model doesn't say it;
    `loras` are (name, strength) in the order in which they are applied."""

    sampler: Node
    expert: str
    model: str
    loras: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, graph: Graph, sampler: Node, models: Sequence[Node], expert: str = "") -> Stage:
        """`models` are the nodes that its model comes from, the nearest first."""
        names = [name for node in models for name in _model_files(node)]
        model = names[-1] if names else ""
        found = name_role(file_stem(model)) if model and not expert else None
        if found and found.role in ("high", "low"):
            expert = found.role
        loras = [lora for node in reversed(models) for lora in loras_of(graph, node)]
        return cls(sampler, expert, model, tuple(loras))


def _stages(graph: Graph, sampler: Node) -> Iterator[Stage]:
    """One stage; two of a sampler that takes the models of both experts, as WanMoeKSampler does."""
    inputs = {name: graph.source(sampler.inputs[name]) for name in sampler.links}
    both = [
        (expert, node)
        for expert in ("high", "low")
        for name, node in inputs.items()
        if node and "model" in name.lower() and expert in name.lower()
    ]
    if len(both) == 2:
        for expert, node in both:
            yield Stage.of(graph, sampler, list(graph.upstream(node, _is_of_model)), expert)
    else:
        yield Stage.of(graph, sampler, list(graph.upstream(sampler, _is_of_model)))


def _is_of_model(name: str) -> bool:
    return name == "guider" or "model" in name.lower() or "lora" in name.lower()


def _model_files(node: Node) -> Iterator[str]:
    for name in MODEL_FILES:
        value = node.inputs.get(name)
        if isinstance(value, str) and value and "lora_name" not in node.inputs:
            yield value


def loras_of(graph: Graph, node: Node) -> Iterator[tuple[str, float]]:
    """The LoRAs that one node applies, with their strengths."""
    most = node.inputs.get("lora_count")
    for name, value in node.inputs.items():
        found = LORA.fullmatch(name.lower())
        if isinstance(value, dict | list) and (found or name == "loras"):
            yield from _listed(value)
        elif found and (text := graph.text(value)) and text.casefold() not in NO_LORA:
            number = found[1]
            beyond = isinstance(most, int) and number.isdigit() and int(number) > most
            if not beyond and not _is_off(node.inputs, number):
                yield file_stem(text), _strength(graph, node.inputs, number)


def _listed(value: Any) -> Iterator[tuple[str, float]]:
    """rgthree keeps an object for each LoRA, ComfyUI-Lora-Manager a list of them."""
    items = value.get("__value__", [value]) if isinstance(value, dict) else value
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict) or any(item.get(name) is False for name in SWITCHES):
            continue
        name, strength = item.get("lora", item.get("name")), item.get("strength", 1.0)
        try:
            number = float(strength)
        except (TypeError, ValueError):
            number = 1.0
        if isinstance(name, str) and name.casefold() not in NO_LORA:
            yield file_stem(name), number


def _is_off(inputs: Mapping[str, Any], number: str) -> bool:
    values = (inputs.get(f"{name}_{number}" if number else name) for name in SWITCHES)
    return any(
        (value.lower() if isinstance(value, str) else value) in OFF
        for value in values
        if isinstance(value, str | bool)
    )


def _strength(graph: Graph, inputs: Mapping[str, Any], number: str) -> float:
    for name in STRENGTHS:
        for key in (f"{name}_{number}", f"{name}{number}") if number else (name,):
            value = graph.number(inputs.get(key))
            if value is not None:
                return float(value)
    return 1.0


def _task(graph: Graph, stages: Sequence[Stage], notes: list[str]) -> dict[str, Any]:
    first = stages[0].sampler
    cfgs = [
        _found(graph, stage.sampler, (f"cfg_{stage.expert}_noise", "cfg"), _is_of_model)
        for stage in stages
    ]
    seed = _whole(_found(graph, first, ("noise_seed", "seed"), _is_noise))
    if seed is not None and not is_whole(seed):
        notes.append(say("results.reading.large_seed", seed=seed))
    task: dict[str, Any] = {
        "prompt": _prompt(graph, first, "positive"),
        "negative_prompt": _prompt(graph, first, "negative"),
        "seed": seed,
        "steps": _whole(_found(graph, first, ("steps",), "sigmas".__eq__)),
        "guidance_scale": cfgs[0],
        "guidance_scale_2": cfgs[-1] if len(stages) > 1 else None,
        "flow_shift": _found(graph, first, ("shift",), _is_of_model),
        "width": _whole(_found(graph, first, ("width",), _is_size)),
        "height": _whole(_found(graph, first, ("height",), _is_size)),
        "num_frames": _whole(_found(graph, first, ("length", "num_frames"), _is_size)),
        "fps": _fps(graph),
    }
    model = known_model(" ".join(stage.model for stage in stages))
    if model:
        task["model_type"] = model
    else:
        names = dict.fromkeys(file_stem(stage.model) for stage in stages if stage.model)
        if names:
            notes.append(say("results.reading.other_model", model=", ".join(names)))
        else:
            notes.append(say("results.reading.unnamed_model"))
    return {name: value for name, value in task.items() if value is not None}


def _is_noise(name: str) -> bool:
    return name == "noise" or "seed" in name


def _is_size(name: str) -> bool:
    return name in LATENTS or name in ("image_embeds", "positive", "embeds") or "size" in name


def _found(graph: Graph, start: Node, names: Sequence[str], follow: Any) -> float | int | None:
    """The number of the first node upstream that has an input of one of these names."""
    for node in graph.upstream(start, follow):
        for name in names:
            if name in node.inputs:
                value = graph.number(node.inputs[name])
                if value is not None:
                    return value
    return None


def _whole(value: float | int | None) -> int | None:
    return int(value) if value is not None and value == value // 1 else None


def _fps(graph: Graph) -> int | None:
    for node in graph.nodes.values():
        for name in ("frame_rate", "fps"):
            value = graph.number(node.inputs.get(name))
            if value is not None and 0 < value <= 240:
                return round(value)
    return None


def _prompt(graph: Graph, sampler: Node, side: str) -> str | None:
    """The text that reaches the sampler as its positive or negative conditioning."""
    start = next(
        (sampler.inputs[n] for n in (side, "text_embeds", "guider") if n in sampler.inputs),
        sampler.inputs.get("conditioning") if side == "positive" else None,
    )
    waiting, seen = [graph.source(start)], set()
    for node in waiting:  # grows on the way
        if node is None or node.id in seen:
            continue
        seen.add(node.id)
        if "zeroout" in node.kind.lower():
            return ""
        for name in (f"{side}_prompt", side, *TEXTS):
            if name in node.inputs and (text := graph.text(_own(node, name))) is not None:
                return text
        names = [n for n in node.links if n == side or PASSED_ON.search(n)]
        names = names or (list(node.links) if len(node.links) == 1 else [])
        waiting += [graph.source(node.inputs[name]) for name in names]
    return None


def _own(node: Node, name: str) -> Any:
    """The input, unless it is conditioning that comes from elsewhere."""
    return None if name in ("positive", "negative") and name in node.links else node.inputs[name]


def _loras(stages: Sequence[Stage]) -> tuple[UsedLoRA, ...]:
    """Each LoRA once, with what every expert gets of it."""
    if len(stages) == 1 and not stages[0].expert:
        totals: dict[str, float] = {}
        for name, strength in stages[0].loras:
            totals[name] = totals.get(name, 0.0) + strength
        return _used(totals)
    found: dict[str, dict[str, float]] = {}
    for at, stage in enumerate(stages):
        expert = stage.expert or ("high" if at == 0 else "low")
        own: dict[str, float] = {}
        for name, strength in stage.loras:
            own[name] = own.get(name, 0.0) + strength
        for name, strength in own.items():
            found.setdefault(name, {"high": 0.0, "low": 0.0})[expert] = strength
    return _used({n: v["high"] if v["high"] == v["low"] else v for n, v in found.items()})


def _all_loras(graph: Graph) -> tuple[UsedLoRA, ...]:
    return _used(dict(lora for node in graph.nodes.values() for lora in loras_of(graph, node)))


def _used(strengths: Mapping[str, Any]) -> tuple[UsedLoRA, ...]:
    some = list(strengths.items())[:MAX_LORAS]
    return tuple(UsedLoRA(name, strength, {}) for name, strength in some if name)
