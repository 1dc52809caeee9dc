"""Captions: one canonical sentence, and the many other ways to say the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from demo.world import BACKGROUNDS, COLOURS, DIRECTIONS, SHAPES

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet", "ruby"),
    "green": ("green", "emerald", "grass green"),
    "blue": ("blue", "royal blue", "azure", "bright blue"),
    "yellow": ("yellow", "lemon", "lemon yellow"),
    "purple": ("purple", "violet", "magenta"),
    "white": ("white", "snow white", "ivory"),
    "orange": ("orange", "tangerine", "amber"),
    "cyan": ("cyan", "turquoise", "teal", "light blue"),
}
SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "ball", "disc", "sphere", "dot", "round ball"),
    "square": ("square", "box", "cube", "block", "tile"),
    "triangle": ("triangle", "pyramid", "wedge", "cone"),
}
DIRECTION_PHRASES: dict[str, tuple[str, ...]] = {
    "left": (
        "moving left",
        "moves left",
        "moving to the left",
        "gliding left",
        "sliding left",
        "drifting leftward",
        "flying left",
        "going left",
        "travels from right to left",
        "moving leftwards",
        "rolls to the left",
    ),
    "right": (
        "moving right",
        "moves right",
        "moving to the right",
        "gliding right",
        "sliding right",
        "drifting rightward",
        "flying right",
        "going right",
        "travels from left to right",
        "moving rightwards",
        "rolls to the right",
    ),
    "up": (
        "moving up",
        "moves up",
        "rising",
        "floating up",
        "moving upward",
        "rises slowly",
        "going up",
        "ascending",
        "flying upwards",
        "climbing",
        "travels from bottom to top",
    ),
    "down": (
        "moving down",
        "moves down",
        "falling",
        "falls down",
        "sinking",
        "moving downward",
        "going down",
        "descending",
        "dropping",
        "drifting downwards",
        "travels from top to bottom",
    ),
}
BACKGROUND_PHRASES: dict[str, tuple[str, ...]] = {
    "black": ("on a black background", "on black", "against a black backdrop", "in the dark",
              "in a dark black void", "with a black background", "in front of a black wall"),
    "navy": ("on a navy background", "on navy", "against a navy backdrop", "over dark blue",
             "with a navy background", "on a dark blue background", "in front of a navy wall"),
    "gray": ("on a gray background", "on gray", "against a grey backdrop", "on a grey background",
             "with a gray background", "in front of a gray wall", "over concrete gray"),
    "sunset": ("on a sunset background", "at sunset", "in front of a sunset sky",
               "under a sunset sky",
               "with a sunset sky", "against an evening sky", "at dusk", "in the evening sky"),
}  # fmt: skip
OPENINGS = ("", "", "", "a video of ", "an animation of ", "a shot of ", "a clip of ",
            "close-up of ",
            "a smooth animation of ", "cinematic video of ", "there is ", "we see ")  # fmt: skip
ENDINGS = ("", "", "", ", smooth motion", ", soft light", ", high quality",
           ", best quality, detailed",
           ", soft shadow", ", 3d render", ", slow and calm", ", beautiful")  # fmt: skip
TRIGGERS = {
    "neon_outline": "neon outline",
    "pixel_mosaic": "pixel mosaic",
    "golden_hour": "golden hour light",
    "motion_trail": "motion trail",
}
NEGATIVE_PROMPT = ""


def canonical(attributes: Sequence[int]) -> str:
    """The plain sentence for (colour, shape, direction, background) indices."""
    colour, shape, direction, background = _names(attributes)
    article = "an" if colour == "orange" else "a"
    return f"{article} {colour} {shape} moving {direction} on a {background} background"


def paraphrase(attributes: Sequence[int], rng: torch.Generator) -> str:
    """Another wording of the same scene, with free order, synonyms and ornaments."""
    colour, shape, direction, background = _names(attributes)
    thing = f"{_one(COLOUR_WORDS[colour], rng)} {_one(SHAPE_WORDS[shape], rng)}"
    article = _one(("a", "the", "one", "a shiny", "a glossy", "a small", ""), rng)
    subject = f"{article} {thing}".strip()
    if _chance(0.1, rng):
        subject = f"a {_one(SHAPE_WORDS[shape], rng)} that is {_one(COLOUR_WORDS[colour], rng)}"
    motion = _one(DIRECTION_PHRASES[direction], rng)
    place = _one(BACKGROUND_PHRASES[background], rng)
    if _chance(0.2, rng):
        text = f"{place}, {subject} {motion}"
    elif _chance(0.15, rng):
        text = f"{subject}, {motion}, {place}"
    else:
        text = f"{subject} {motion} {place}"
    text = _one(OPENINGS, rng) + text + _one(ENDINGS, rng)
    if _chance(0.05, rng):
        text += ", " + _one(tuple(TRIGGERS.values()), rng)
    return text.capitalize() + "." if _chance(0.3, rng) else text


def partial(attributes: Sequence[int], rng: torch.Generator) -> tuple[str, list[bool]]:
    """A caption that leaves some attributes open, and which of the four it names."""
    colour, shape, direction, background = _names(attributes)
    named = [not _chance(0.3, rng) for _ in range(4)]
    words = ["a"]
    words += [_one(COLOUR_WORDS[colour], rng)] if named[0] else []
    words += [
        _one(SHAPE_WORDS[shape], rng) if named[1] else _one(("thing", "object", "shape"), rng)
    ]
    words += [_one(DIRECTION_PHRASES[direction], rng)] if named[2] else []
    words += [_one(BACKGROUND_PHRASES[background], rng)] if named[3] else []
    return " ".join(words), named


def caption(attributes: Sequence[int], rng: torch.Generator) -> str:
    """A training caption: canonical in half of the draws."""
    if _chance(0.5, rng):
        return canonical(attributes)
    if _chance(0.15, rng):
        return partial(attributes, rng)[0]
    return paraphrase(attributes, rng)


def _names(attributes: Sequence[int]) -> tuple[str, str, str, str]:
    colour, shape, direction, background = attributes
    return (
        list(COLOURS)[colour],
        SHAPES[shape],
        list(DIRECTIONS)[direction],
        list(BACKGROUNDS)[background],
    )


def _one(options: Sequence[str], rng: torch.Generator) -> str:
    return options[int(torch.randint(len(options), (1,), generator=rng))]


def _chance(probability: float, rng: torch.Generator) -> bool:
    return bool(torch.rand(1, generator=rng) < probability)
