"""Differences: what a video's settings alone cannot reproduce, in words."""

from __future__ import annotations

from wan_lora_studio.results.facts import UsedLoRA, VideoFacts, is_number
from wan_lora_studio.texts import say

TILING = "vae_tiling"  # as the measure is called, and the setting of the decoder


def of_the_model(facts: VideoFacts, title: str, fingerprint: str | None) -> list[str]:
    """`fingerprint` is that of the model's files here, None where there are none."""
    then = facts.fingerprint
    if then is None or fingerprint is None or then == fingerprint:
        return []
    return [say("results.differences.model", title=title)]


def of_the_precision(facts: VideoFacts, title: str, precision: str) -> list[str]:
    """`precision` is that of the model's weights here. Older videos do not record theirs."""
    environment = facts.metadata.get("environment")
    then = environment.get("precision") if isinstance(environment, dict) else None
    if not isinstance(then, str) or then == precision:
        return []
    return [say("results.differences.precision", title=title, then=then, now=precision)]


def of_the_speed(facts: VideoFacts, attention: str, first_block_cache: float) -> list[str]:
    """Compare the settings here with those of the video. Older videos do not record theirs."""
    environment = facts.metadata.get("environment")
    then = environment if isinstance(environment, dict) else {}
    found = []
    computed, cached = then.get("attention"), then.get("first_block_cache")
    if isinstance(computed, str) and computed != attention:
        found.append(say("results.differences.attention", then=computed, now=attention))
    if is_number(cached) and cached != first_block_cache:
        found.append(
            say("results.differences.cache", then=f"{cached:g}", now=f"{first_block_cache:g}")
        )
    return found


def of_the_decoding(facts: VideoFacts) -> list[str]:
    environment, recoveries = facts.metadata.get("environment"), facts.metadata.get("recoveries")
    measures = recoveries if isinstance(recoveries, list) else []
    tiled = isinstance(environment, dict) and environment.get(TILING) is True
    if not tiled and not any(isinstance(m, dict) and m.get("action") == TILING for m in measures):
        return []
    return [say("results.differences.tiles")]


def of_left_out(lora: UsedLoRA) -> str:
    """A LoRA that the run went on without. It is not selected: at strength 0 it would still be
    read, and what ended it then would do so again."""
    name, reason = lora.name, lora.reason.rstrip(".")
    if lora.replacement:
        if reason:
            return say("results.differences.left_out_words_for", name=name, reason=reason)
        return say("results.differences.left_out_words", name=name)
    if reason:
        return say("results.differences.left_out_for", name=name, reason=reason)
    return say("results.differences.left_out", name=name)
