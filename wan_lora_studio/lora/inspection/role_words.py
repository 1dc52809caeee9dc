"""Role words: what a name says of the expert that a LoRA is for, such as `HIGH`, `_LN`, `高噪`.

A name is read in tiers, and the first that finds something decides: `high_noise`, a bare `HIGH`,
`HN`, `hi`, and a single `H`. What may as well mean something else is weak.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from urllib.parse import unquote

from wan_lora_studio.lora.roles import Role

Half = Literal["high", "low"]

# After "high" or "low", these words make it a statement about something else than noise.
OTHER_MEANINGS = frozenset({
    "vram", "ram", "memory", "mem", "angle", "angles", "angled", "cfg", "res", "resolution", "poly",
    "polygon", "light", "lights", "lit", "key", "def", "fi", "fps", "heel", "heels", "school",
    "schooler", "fashion", "kick", "kicks", "kicking", "jump", "jumps", "five", "fives", "ground",
    "tech", "end", "rise", "riser", "waist", "waisted", "cut", "neck", "necked", "neckline",
    "fantasy", "definition", "frequency", "budget", "fidelity", "saturation", "exposure",
    "loss", "ponytail", "collar", "collared", "tide", "altitude", "society", "class", "elf",
    "elves", "priest", "priestess", "noon", "chair", "boots", "boot", "socks", "stockings", "slit",
    "gloss", "octane", "roller", "wire", "dive", "diving", "brow", "beam", "profile", "visibility",
    "gravity", "orbit", "rider", "ride", "leg", "legs", "legged", "socked", "thigh", "thighs",
    "temperature", "temp", "voltage", "tension", "stakes", "pitch", "note", "fade", "bun", "tops",
    "top", "er", "est", "ly", "land", "lands", "lander", "ness", "way", "ways", "lighter",
    "lighted", "jinks", "stool", "there", "hello", "kitty", "mom", "guys", "bit", "ping",
    "garden", "pass",
})  # fmt: skip
# These do so unless the role word alone is in capitals: `high_detail`, but `HIGH_detail`.
LIKELY_OTHER = frozenset({
    "lighting", "quality", "speed", "detail", "details", "detailed", "contrast", "motion", "up",
    "camera", "shot", "shots", "view", "rate", "risk", "texture", "textures", "dynamic", "dynamics",
    "frame", "frames", "movement", "energy", "intensity", "impact", "pressure", "gamma", "focus",
    "action", "depth", "realism", "precision", "performance", "power", "water", "sun", "street",
})  # fmt: skip
# Of those, the ones that follow the role word of halves as well.
OPEN_MEANINGS = frozenset({"motion", "movement", "lighting", "action", "camera"})
# These say nothing either, unless a number follows: `low_steps`, but `HIGH_step_2000`.
COUNTED_MEANINGS = frozenset({"step", "steps", "rank", "dim", "lr"})
# Before "high" or "low", these do the same: `thigh_high`.
LEADING_MEANINGS = frozenset({
    "thigh", "knee", "ankle", "sky", "mile", "ultra", "super", "very", "too", "junior", "jr", "all",
    "new", "extra", "from", "lay", "laying",
})  # fmt: skip
# Words that end in "high" or "low", so that these letters are no word of their own.
LONGER_WORDS = frozenset({
    "thigh", "flow", "slow", "glow", "blow", "plow", "yellow", "below", "follow", "hollow",
    "willow",
    "shallow", "pillow", "allow", "mellow", "fellow", "bellow", "swallow", "billow", "wallow",
    "hallow", "tallow", "callow", "sallow", "marshmallow", "inflow", "outflow", "overflow",
    "workflow", "airflow", "afterglow", "harlow", "barlow", "marlow", "winslow", "ludlow", "onslow",
    "bungalow", "snowplow", "furlow", "optiflow", "rainflow", "tensorflow", "reflow", "elbow",
    "backflow", "bloodflow", "hairflow", "waterflow", "lavaflow", "motionflow", "mindblow",
})  # fmt: skip
# What may follow an expert's letter that closes a name: `-H-e8`, `_L_V2`, `_H_14B_fp16`.
_TAIL = frozenset({
    "v", "ver", "version", "e", "ep", "eps", "epoch", "epochs", "epoc", "s", "step", "steps", "r",
    "rank", "dim", "alpha", "lr", "fp", "bf", "copy", "lora", "wan", "i", "t", "ti", "a", "b", "k",
    "final", "last", "latest", "comfy", "comfyui", "fixed", "fix", "pruned", "scaled", "new",
    "beta", "test", "th", "st", "nd", "rd", "x", "p",
})  # fmt: skip
_NOT_AN_EXPERT = frozenset({"clip", "vit", "vision", "sam", "dino", "dinov", "yolo", "size"})

_NOISE = re.compile(
    r"(?P<word>high|hi|h|low|lo|l)(?:[-_. +%]*|[-_]?20)nois(?:es(?![a-z])|y(?![a-z])|e)?",
    re.IGNORECASE,
)
_NOISE_ELSEWHERE = re.compile(
    r"(?P<word>[高低]|ハイ|ロー|하이|로우|고|저)"
    r"(?:噪(?:声|音|点|聲|點|讯|訊)?|[-_ ]*(?:ノイズ|노이즈|noise))"
)
_NUMBERED = re.compile(r"(?<=transformer)[-_]?(?P<word>[12])(?![a-z0-9.])", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_COUNT = r"(?:v|e|ep|epoch|epoc|r|rank|s|step|V|E|EP|EPOCH|R|RANK|S|STEP)[0-9]"
_MAY_STATE = re.compile(
    rf"(?i:high|low|nois)|[高低%]|ノイズ|노이즈|(?i:transformer[-_]?[12])|(?<![A-Za-z])[HLhl][INOino]?(?:(?![A-Za-z])|(?={_COUNT}))"
    rf"|[HL][INO]?(?:(?![A-Za-z])|(?={_COUNT}))"
)
_WORD = re.compile(
    rf"(?:HIGH|LOW|High|Low|high|low|HN|LN|hn|ln|H|L)(?={_COUNT})"
    r"|(?:HIGH|LOW)(?=[a-z])"
    r"|(?<=[IiTt]2)[Vv]|(?<=14)[Bb]|(?<=22)[HL](?![A-Za-z])"
    r"|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+"
)
_HALVES: dict[str, Half] = {
    "high": "high", "hi": "high", "h": "high", "hn": "high", "高": "high", "ハイ": "high",
    "low": "low", "lo": "low", "l": "low", "ln": "low", "低": "low", "ロー": "low",
    "하이": "high", "고": "high", "로우": "low", "저": "low", "1": "high", "2": "low",
}  # fmt: skip
_PART = re.compile(
    rf"(?P<word>(?<!t)high(?!{'|'.join(sorted(OTHER_MEANINGS | LIKELY_OTHER))}|school)"
    r"|low\Z|(?<=\Awan)low)"
)
_HALF_NAMES: tuple[Half, Half] = ("high", "low")
_MARK = re.compile(r"high|low|hi|lo|hn|ln|h|l|[高低]|ハイ|ロー|하이|로우|고|저", re.IGNORECASE)
MARKS = 8  # places in a name that are tried as its role word
_BETWEEN = frozenset({"and", "n", "to", "plus", "or", "und"})
# The other word of `high_and_low_noise`, before the one that "noise" follows. In `HIGH_low_noise`
# the letters are of another style, so that it is a statement of its own.
_OTHER_BEFORE = re.compile(
    r"(?P<word>(?<![Tt])(?i:high)|(?:(?<![A-Za-z])|(?<=[a-z])(?=[HL]))(?i:hi|low|lo))"
    rf"[-_. +&]*(?i:(?:{'|'.join(sorted(_BETWEEN))})[-_. +&]*)?\Z"
)
_ONE_EXPERT = re.compile(
    r"(?:(?<![A-Za-z\d.])|(?<=2v)|(?<=wan)|(?<=wan2\.2)|(?<=2\.2\.))5b(?![a-z\d])"
    r"|(?<![\d.])1[._]3b(?![a-z\d])",
    re.IGNORECASE,
)
_TWO_EXPERTS = re.compile(r"(?<!\d)a?14b(?![a-z\d])", re.IGNORECASE)
SEPARATORS = "-_. +"


@dataclass(frozen=True, slots=True)
class NameRole:
    """The role that a name states, the words that state it, and the name without them.

    `weak`: the words may as well mean something else.
    """

    role: Role
    words: str
    stem: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class RoleMark:
    """A place in a name that may be a role word; `stem` is the name without it.

    `other`: it means something else where it stands alone, as in `low_angle`.
    """

    role: Half
    stem: str
    other: bool


@dataclass(frozen=True, slots=True)
class _Span:
    role: Half
    start: int
    end: int
    weak: bool = False


@dataclass(frozen=True, slots=True)
class _Words:
    """A name, with escapes of URLs blanked out, and its words."""

    text: str
    found: list[re.Match[str]]

    def at(self, index: int) -> str:
        return self.found[index][0].lower() if 0 <= index < len(self.found) else ""

    def raw(self, index: int) -> str:
        return self.found[index][0] if 0 <= index < len(self.found) else ""

    def stands_alone(self, index: int) -> bool:
        """Whether separators, or the ends of the name, are on both sides of the word."""
        word = self.found[index]
        before, after = self.text[: word.start()][-1:], self.text[word.end() :][:1]
        counted = re.match(_COUNT, self.text[word.end() :]) is not None
        return not before.isalnum() and (not after.isalnum() or counted)

    def closes(self, index: int) -> bool:
        """Whether nothing but epochs, versions and the like follows the word."""
        rest = (self.at(place) for place in range(index + 1, len(self.found)))
        return all(word.isdigit() or word in _TAIL for word in rest)


def says_one_expert(path: str) -> bool:
    """Whether a path says that its file is for a model with one transformer, as the 5B.

    The nearest part that names a size decides.
    """
    for part in reversed(path.split("/")):
        if _ONE_EXPERT.search(part):
            return True
        if _TWO_EXPERTS.search(part):
            return False
    return False


def name_role(name: str, *, folder: bool = False) -> NameRole | None:
    """The role that a name (without extension) states; None if it states none.

    Both words next to each other mean both experts. A `folder` that begins with `Hi_` states it.
    """
    if not _MAY_STATE.search(name):
        return None
    found = _read(name, folder=folder)
    if found is None and "%" in name:
        plain = unquote(name)
        return _read(plain, folder=folder) if plain != name else None
    return found


def _read(name: str, *, folder: bool) -> NameRole | None:
    text = _ESCAPE.sub("   ", name)
    words = _Words(text, list(_WORD.finditer(text)))
    tiers: tuple[Callable[[_Words], Iterable[_Span]], ...] = (
        _with_noise, _bare, _initials, lambda each: _short(each, folder=folder), _letters, _glued,
    )  # fmt: skip
    weak: list[_Span] = []
    for tier in tiers:
        spans = list(tier(words))
        strong = [span for span in spans if not span.weak]
        if strong:
            return _stated(name, strong, words)
        weak = weak or spans
    return _stated(name, weak, words) if weak else None


def _stated(name: str, spans: list[_Span], words: _Words) -> NameRole:
    if len({span.role for span in spans}) > 1:
        spans, apart = _of_two_minds(spans, words)
    else:
        apart = False
    roles = {span.role for span in spans}
    role: Role = spans[0].role if len(roles) == 1 else "both"
    places = list(dict.fromkeys((span.start, span.end) for span in spans))
    said = " ".join(name[start:end] for start, end in places)
    stem = without_role_words(name, places)
    return NameRole(role, said, stem, apart or all(span.weak for span in spans))


def _of_two_minds(spans: list[_Span], words: _Words) -> tuple[list[_Span], bool]:
    """Of both words in one name, those that count, and whether that is weak.

    The one in capitals counts, or both if they are next to each other.
    """
    capitals = [span for span in spans if words.text[span.start : span.end].isupper()]
    if len(capitals) == 1:
        return capitals, False
    ends = pairwise(spans)
    gaps = [words.text[one.end : other.start].lower() for one, other in ends]
    joined = all(set(re.findall(r"[^\W_]+", gap)) <= _BETWEEN for gap in gaps)
    return spans, not joined


def _with_noise(words: _Words) -> Iterator[_Span]:
    """`high_noise`, `hinoise`, `高噪`, `HIGHNOISE` also within other words, `transformer_2`."""
    for match in _NOISE.finditer(words.text):
        word = match["word"].lower()
        own = _begins_word(words.text, match.start())
        if own or (len(word) > 2 and _run_before(words.text, match.start("word"), word)):
            other = _OTHER_BEFORE.search(words.text[: match.start()])
            if other and other["word"].isupper() == match["word"].isupper():
                yield _Span(_HALVES[other["word"].lower()], *other.span("word"))
            yield _Span(_HALVES[word], match.start(), match.end())
    for pattern in (_NOISE_ELSEWHERE, _NUMBERED):
        for match in pattern.finditer(words.text):
            yield _Span(_HALVES[match["word"]], match.start(), match.end())


def _begins_word(text: str, start: int) -> bool:
    before = text[start - 1 : start]
    return (
        not before.isalpha() or not before.isascii() or (before.islower() and text[start].isupper())
    )


def _run_before(text: str, start: int, word: str) -> bool:
    """Whether the letters before `word` do not make a longer word of it, such as "flow"."""
    run = re.search(r"[A-Za-z]*\Z", text[:start])
    return ((run[0] if run else "") + word).lower() not in LONGER_WORDS


def _bare(words: _Words) -> Iterator[_Span]:
    for index, word in enumerate(words.found):
        text = word[0].lower()
        if text in ("highlow", "lowhigh", "hilo", "hilow"):
            yield from (_Span(half, word.start(), word.end()) for half in _HALF_NAMES)
        if text not in ("high", "low", "高", "低"):
            continue
        sense = _sense(words, index)
        if sense != "other":
            yield _Span(_HALVES[text], word.start(), word.end(), weak=sense == "open")


def _sense(words: _Words, index: int) -> Literal["role", "open", "other"]:
    """What "high", "low", "hi" or "lo" means before the words that follow it."""
    following = words.at(index + 1)
    if following in _BETWEEN and words.at(index + 2) in ("high", "low"):
        return _sense(words, index + 2)  # `low_to_high_angle`
    if words.at(index - 1) in LEADING_MEANINGS or following in OTHER_MEANINGS:
        return "other"
    if following in COUNTED_MEANINGS and not words.at(index + 2).isdigit():
        return "other"
    if following in LIKELY_OTHER:
        if words.raw(index).isupper() and not words.raw(index + 1).isupper():
            return "role"
        return "open" if following in OPEN_MEANINGS else "other"
    return "role"


def _initials(words: _Words) -> Iterator[_Span]:
    """`HN` and `LN`, also in the middle; at the start of a name they are weak."""
    for index, word in enumerate(words.found):
        if word[0] not in ("HN", "LN", "hn", "ln", "Hn", "Ln"):
            continue
        camel = word[0].isupper() and words.text[word.start() - 1 : word.start()].islower()
        if camel or words.stands_alone(index):
            weak = index == 0 and len(words.found) > 1
            yield _Span(_HALVES[word[0].lower()], word.start(), word.end(), weak=weak)


def _short(words: _Words, *, folder: bool) -> Iterator[_Span]:
    """`hi` and `lo`; weak unless they close the name, or open that of a folder."""
    for index, word in enumerate(words.found):
        text = word[0].lower()
        if text not in ("hi", "lo") or not words.stands_alone(index):
            continue
        if _sense(words, index) == "role":
            beside = not {words.at(index - 1), words.at(index + 1)}.isdisjoint(("hi", "lo"))
            sure = words.closes(index) or beside or (folder and index == 0)
            yield _Span(_HALVES[text], word.start(), word.end(), weak=not sure)


def _letters(words: _Words) -> Iterator[_Span]:
    """A closing `-H` or `_l`; elsewhere a capital is weak. Never the whole name."""
    for index, word in enumerate(words.found):
        if word[0] not in ("H", "L", "h", "l") or not _is_letter(words, index):
            continue
        closes = index > 0 and words.closes(index)
        if closes or (word[0].isupper() and index + 1 < len(words.found)):
            yield _Span(_HALVES[word[0].lower()], word.start(), word.end(), weak=not closes)


def _is_letter(words: _Words, index: int) -> bool:
    """Whether the letter is a word between separators, and no model's size such as `clip_l`."""
    glued = words.raw(index).isupper() and words.text[: words.found[index].start()].endswith("22")
    alone = words.stands_alone(index) or glued
    return alone and words.at(index - 1) not in _NOT_AN_EXPERT


def _glued(words: _Words) -> Iterator[_Span]:
    """`kisshigh`, `dancelow`, `WANHIGHKISS`: a part of a longer word, which is weak."""
    for word in words.found:
        text = word[0].lower()
        found = _PART.search(text)
        if found and len(text) > len(found["word"]) + 1 and text not in LONGER_WORDS:
            start, end = (word.start() + place for place in found.span("word"))
            yield _Span(_HALVES[found["word"]], start, end, weak=True)


def role_marks(name: str) -> list[RoleMark]:
    """Every place in the name that may be its role word, if a twin's name bears it out."""
    if not _MAY_STATE.search(name):
        return []
    found = []
    for match in list(_MARK.finditer(name))[: 4 * MARKS]:
        word = match[0].lower()
        start, end = match.span()
        if word.isascii() and len(word) <= 2 and not _is_own_word(name, start, end):
            continue
        found.append(
            RoleMark(_HALVES[word], without_role_words(name, [(start, end)]), _is_other(name, end))
        )
    return found[:MARKS]


def _is_own_word(text: str, start: int, end: int) -> bool:
    after = text[end : end + 1]
    ends = not after.isalpha() or (text[end - 1].islower() and after.isupper())
    counted = re.match(_COUNT, text[end:]) is not None
    return _begins_word(text, start) and (ends or counted)


def _is_other(name: str, end: int) -> bool:
    following = _WORD.search(name, end)
    near = following is not None and not re.search(r"[^\W_]", name[end : following.start()])
    return following is not None and near and following[0].lower() in OTHER_MEANINGS


def without_role_words(name: str, spans: list[tuple[int, int]]) -> str:
    """The name without the spans, each with one separator beside it."""
    for start, end in reversed(spans):
        left, right = name[:start], name[end:]
        bare_left = left.rstrip(SEPARATORS)
        bare_right = right.lstrip(SEPARATORS)
        joint = (left[len(bare_left) :] or right[: len(right) - len(bare_right)])[:1]
        if bare_left[-1:].isalpha() and re.match(_COUNT, bare_right):
            joint = joint or "_"  # "KissHIGHe50" does not become "Kisse50"
        name = bare_left + (joint if bare_left and bare_right else "") + bare_right
    return name
