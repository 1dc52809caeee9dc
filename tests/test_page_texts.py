"""Texts of the page: each is there, in use, and given the values that it has places for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# The extension and the app have a file of texts each, and their modules say what is in it.
SIDES = {
    "extension": ROOT / "lora_ui" / "assets",
    "app": ROOT / "wan_lora_studio" / "ui" / "assets",
}
ENTRY = re.compile(
    r"""^  "(?P<key>[\w.]+)":\s+(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'),$""", re.MULTILINE
)
SAID = re.compile(r'(?<![#.\w])say\(\s*(?:"(?P<key>[\w.]+)"|(?P<other>[^")]))(?P<more>,\s*\{)?')
PLACE = re.compile(r"\{(\w+)\}")
FORMS = ("one", "other")
LANGUAGES = ("english", "german", "chinese")
LITERAL = re.compile(r"""/\*.*?\*/|//[^\n]*|["`](?P<text>(?:[^"`\\\n]|\\.)*)["`]""", re.DOTALL)
SENTENCE = re.compile(r"[A-Z][a-z]+ [a-z]{2,}")
LABELLED = re.compile(r"""(?:\b(?:text|title|label|placeholder)|"aria-label"): \Z""")
NAME = "Wan2.2 LoRA Studio"
WITHOUT_TEXTS = ("api_docs.js",)  # a page of its own, for those who write programs


@dataclass(frozen=True)
class Said:
    """One use of a text. `values` is None where they are handed on as an object made before."""

    place: str
    key: str | None
    values: frozenset[str] | None


def texts_in(folder: Path, language: str = "english") -> dict[str, str]:
    source = (folder / "texts" / f"{language}.js").read_text(encoding="utf-8")
    return {match["key"]: unquoted(match["text"]) for match in ENTRY.finditer(source)}


def unquoted(literal: str) -> str:
    """The text of a literal; with quotation marks in it, it stands in single ones."""
    inside = literal[1:-1]
    text: str = json.loads(literal if literal[0] == '"' else json.dumps(inside))
    return text.replace("\\'", "'")


def said_in(folder: Path) -> Iterator[Said]:
    for path in sorted(folder.rglob("*.js")):
        if path.parent.name == "texts":
            continue
        source = path.read_text(encoding="utf-8")
        for match in SAID.finditer(source):
            line = source.count("\n", 0, match.start()) + 1
            yield Said(
                f"{path.relative_to(folder)}:{line}", match["key"], values_after(source, match)
            )


def own_words(source: str) -> Iterator[str]:
    """Literals that a person would read: sentences, and what a label or a title is given."""
    for match in LITERAL.finditer(source):
        words = re.sub(r"\$\{[^}]*\}", "", match["text"] or "")
        if not re.search(r"[A-Za-z]{2}", words) or words == NAME:
            continue
        if SENTENCE.search(words) or LABELLED.search(source, 0, match.start()):
            yield words


def values_after(source: str, match: re.Match[str]) -> frozenset[str] | None:
    """The names in the object that follows a key."""
    if not match["more"]:
        return frozenset() if source[match.end() :].lstrip(", \n").startswith(")") else None
    depth, at, names, name_next = 1, match.end(), [], True
    while depth:
        sign = source[at]
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign in "\"'`":
            at = source.index(sign, at + 1)
        elif depth == 1 and sign == ",":
            name_next = True
        elif depth == 1 and name_next and (word := re.compile(r"\w+|\.\.\.").match(source, at)):
            if word[0] == "...":
                return None
            names.append(word[0])
            name_next, at = False, word.end() - 1
        at += 1
    return frozenset(names)


def forms_of(key: str, texts: dict[str, str]) -> list[str]:
    named = [key, *(f"{key}.{form}" for form in FORMS)]
    return [texts[name] for name in named if name in texts]


def problems(texts: dict[str, str], said: list[Said]) -> list[str]:
    found = []
    for use in said:
        forms = forms_of(use.key or "", texts)
        places = {name for form in forms for name in PLACE.findall(form)}
        if use.key is None:
            found.append(f"{use.place}: its key is not written out")
        elif not forms:
            found.append(f"{use.place}: there is no text {use.key}")
        elif use.values is not None and use.values - {"count"} != places - {"count"}:
            found.append(f"{use.place}: {use.key} has the places {sorted(places)}")
        elif use.values is not None and "count" in places - use.values:
            found.append(f"{use.place}: {use.key} needs a count")
    return found


@pytest.mark.parametrize("side", SIDES)
def test_every_text_that_is_said_is_there_with_its_values(side: str) -> None:
    said = list(said_in(SIDES[side]))
    assert said
    assert problems(texts_in(SIDES[side]), said) == []


@pytest.mark.parametrize("side", SIDES)
def test_no_module_has_words_of_its_own(side: str) -> None:
    found = [
        f"{path.relative_to(SIDES[side])}: {words}"
        for path in sorted(SIDES[side].rglob("*.js"))
        if path.parent.name != "texts" and path.name not in WITHOUT_TEXTS
        for words in own_words(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("side", SIDES)
def test_every_text_is_said_somewhere(side: str) -> None:
    used = {use.key for use in said_in(SIDES[side])}
    keys = set(texts_in(SIDES[side]))
    assert {key for key in keys if not {key, key.rsplit(".", 1)[0]} & used} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("side", SIDES)
def test_the_file_holds_nothing_but_texts(side: str, language: str) -> None:
    """A text in another form would not be seen by these tests."""
    source = (SIDES[side] / "texts" / f"{language}.js").read_text(encoding="utf-8")
    head = "export default {\n"
    body = source[source.index(head) + len(head) : source.rindex("};")]
    keys = [match["key"] for match in ENTRY.finditer(body)]
    assert ENTRY.sub("", body).split() == []
    assert keys == list(dict.fromkeys(keys))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("side", SIDES)
def test_texts_are_written_alike(side: str, language: str) -> None:
    """One blank at a time; what must not be torn apart has one that does not break."""
    texts = texts_in(SIDES[side], language).values()
    blanks = re.compile(r"[ \t\n]+")
    assert [text for text in texts if text != blanks.sub(" ", text.strip()) or not text] == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
@pytest.mark.parametrize("side", SIDES)
def test_a_translation_has_every_text_with_its_places(side: str, language: str) -> None:
    english, own = texts_in(SIDES[side]), texts_in(SIDES[side], language)
    keys = {key for key in english if key in own or key.rsplit(".", 1)[0] not in plural(english)}
    assert keys - set(own) == set()
    assert {key for key in plural(english) if f"{key}.other" not in own} == set()
    assert set(own) - set(english) == set()
    wrong = [key for key, text in own.items() if places_of(text) != places_of(english[key])]
    assert [key for key in wrong if not key.endswith(".one")] == []


def plural(texts: dict[str, str]) -> set[str]:
    """The texts that count."""
    return {key.removesuffix(".other") for key in texts if key.endswith(".other")}


def places_of(text: str) -> set[str]:
    return set(PLACE.findall(text))


@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        ('say("a.b")', None),
        ('say("a.count", { count: list.length })', None),
        ('say("a.named", { name: title(card, { short: true }), })', None),
        ('say("a.named", values)', None),
        ('say("a.c")', "no text"),
        ("say(key)", "not written out"),
        ('say("a.named", { title })', "has the places"),
        ('say("a.named")', "has the places"),
        ('say("a.count", {})', "needs a count"),
    ],
)
def test_what_is_wrong_is_found(module: str, wrong: str | None, tmp_path: Path) -> None:
    (tmp_path / "module.js").write_text(module)
    texts = {
        "a.b": "B",
        "a.count.one": "{count} video",
        "a.count.other": "{count} videos",
        "a.named": "Named {name}",
    }
    found = problems(texts, list(said_in(tmp_path)))
    assert [wrong in problem for problem in found if wrong] == ([True] if wrong else [])
    assert bool(found) == bool(wrong)
