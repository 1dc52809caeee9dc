"""Differences: what a video's settings alone cannot reproduce, in words."""

from __future__ import annotations

from wan_lora_studio.results.facts import UsedLoRA, VideoFacts, is_number

TILING = "vae_tiling"  # as the measure is called, and the setting of the decoder


def of_the_model(facts: VideoFacts, title: str, fingerprint: str | None) -> list[str]:
    """`fingerprint` is that of the model's files here, None where there are none."""
    then = facts.fingerprint
    if then is None or fingerprint is None or then == fingerprint:
        return []
    return [
        f"The files of the model {title} are not those that made this video: the frames will not "
        "be the same."
    ]


def of_the_precision(facts: VideoFacts, title: str, precision: str) -> list[str]:
    """`precision` is that of the model's weights here. Older videos do not record theirs."""
    environment = facts.metadata.get("environment")
    then = environment.get("precision") if isinstance(environment, dict) else None
    if not isinstance(then, str) or then == precision:
        return []
    return [
        f"The weights of {title} were in {then} when this video was made, and are in {precision} "
        "here: the frames will not be the same."
    ]


def of_the_speed(facts: VideoFacts, attention: str, first_block_cache: float) -> list[str]:
    """Compare the settings here with those of the video. Older videos do not record theirs."""
    environment = facts.metadata.get("environment")
    then = environment if isinstance(environment, dict) else {}
    found = []
    computed, cached = then.get("attention"), then.get("first_block_cache")
    if isinstance(computed, str) and computed != attention:
        found.append(
            f'Attention was computed in the "{computed}" way when this video was made, and the '
            f'settings here say "{attention}": the frames will not be quite the same.'
        )
    if is_number(cached) and cached != first_block_cache:
        found.append(
            f"The first-block cache was {cached:g} when this video was made, and is "
            f"{first_block_cache:g} here: the frames will not be the same."
        )
    return found


def of_the_decoding(facts: VideoFacts) -> list[str]:
    environment, recoveries = facts.metadata.get("environment"), facts.metadata.get("recoveries")
    measures = recoveries if isinstance(recoveries, list) else []
    tiled = isinstance(environment, dict) and environment.get(TILING) is True
    if not tiled and not any(isinstance(m, dict) and m.get("action") == TILING for m in measures):
        return []
    return [
        "Memory ran out when this video was made, and its frames were coded in tiles: without "
        "tiles they may differ slightly where those met."
    ]


def of_left_out(lora: UsedLoRA) -> str:
    """A LoRA that the run went on without. It is not selected: at strength 0 it would still be
    read, and what ended it then would do so again."""
    reason = f": {lora.reason.rstrip('.')}." if lora.reason else "."
    words = (
        " Words stood in for it in the prompt; they are in the prompt now."
        if lora.replacement
        else ""
    )
    return (
        f"{lora.name} was left out of this video{reason} It is not selected, because with it the "
        f"frames would be others.{words}"
    )
