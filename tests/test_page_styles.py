"""Styles of the page: sizes by name, each control's look once, and no class for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from tests.support.paths import ROOT

EXTENSION = ROOT / "lora_ui"
HOST = ROOT / "wan_lora_studio" / "ui"
TOKENS = EXTENSION / "assets" / "tokens.css"
COLOURS = EXTENSION / "assets" / "colours.css"
HOST_THEME = EXTENSION / "assets" / "host_theme.css"
# It stands in the page itself, before the tokens are there.
FIRST = HOST / "assets" / "first_paint.css"
# Classes of Gradio's own elements, which the host moves and colours.
GRADIO = {
    "gradio-container",
    "html-container",
    "tab-container",
    "tab-wrapper",
    "wrap",
    "wrap-inner",
}
# Properties whose sizes have names, with the start of those names.
NAMED = {
    "font-size": "--studio-size-",
    "font-weight": "--studio-weight-",
    "line-height": "--studio-leading-",
    "margin": "--studio-space-",
    "padding": "--studio-space-",
    "gap": "--studio-space-",
    "row-gap": "--studio-space-",
    "column-gap": "--studio-space-",
    "border-radius": "--studio-radius",
}
# What the extension puts into a page. The id, which no element has, makes its rules stronger than
# those that a host has for all buttons, say.
ROOTS = ":is(.lora-ui, .lora-dialog, .lora-popover, .lora-toasts, #lora)"
PANEL = ".script-panel"  # Gradio's block around it
# Where custom properties may stand, since nothing but ours reads them.
PAGE = {":root", ":root.dark", "body", "body.dark"}
SAME_AT_MOST = 7  # declarations of two rules; more is one look that is written twice
SELECTED = re.compile(r"\.([a-zA-Z][\w-]*)")
NUMBER = re.compile(r"(?<![\w.-])-?(\d+(?:\.\d+)?(?:px)?)(?![\w.%-])")


@dataclass(frozen=True)
class Rule:
    """A rule of one stylesheet."""

    sheet: str
    selector: str
    declarations: tuple[tuple[str, str], ...]


def sheets() -> list[Path]:
    return sorted([*EXTENSION.rglob("*.css"), *HOST.rglob("*.css")])


def rules_in(text: str, sheet: str) -> Iterator[Rule]:
    """The rules, those of media queries too."""
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for selector, body in re.findall(r"([^{};]+)\{([^{}]*)\}", plain):
        lines = [" ".join(line.split()) for line in body.split(";") if line.strip()]
        pairs = tuple((name, value) for name, _, value in (x.partition(": ") for x in lines))
        yield Rule(sheet, " ".join(selector.split()), pairs)


def nested(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each rule's selector with those around it, the outermost first, and its declarations."""
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    around: list[str] = []
    bodies: list[str] = []
    for words, end in re.findall(r"([^{};]*)([{};])", plain):
        if end == "{":
            around.append(" ".join(words.split()))
            bodies.append("")
        elif end == ";":
            bodies[-1] += words.strip() + ";"
        else:
            yield tuple(around), bodies.pop() + words.strip()
            around.pop()


def astray(text: str) -> list[str]:
    """Rules that may change an element of a page that is not ours."""
    return [" / ".join(around) for around, body in nested(text) if body and not ours(around, body)]


def ours(around: tuple[str, ...], body: str) -> bool:
    selectors = [words for words in around if not words.startswith("@")]
    if any(words.startswith("@keyframes lora-") for words in around):
        return True
    if set(listed(selectors[0])) <= PAGE:
        return re.sub(r"--studio-[^;]*(;|$)", "", body) == ""
    if selectors[0] == ROOTS:
        return all(stays_inside(one) for words in selectors[1:] for one in listed(words))
    return all(one.startswith(PANEL) for one in listed(selectors[0])) and len(selectors) == 1


def listed(selector: str) -> list[str]:
    """The parts of a list of selectors; a comma in brackets parts nothing."""
    return re.split(r",\s*(?![^()]*\))", selector)


def stays_inside(selector: str) -> bool:
    """Whether it selects, in a nested rule, the roots and what is in them only."""
    after = re.split(r"&\S*", selector)[-1] if "&" in selector else f" {selector}"
    return re.match(r"\s*[+~]", after) is None and "(&" not in selector


def all_rules() -> list[Rule]:
    return [
        rule for path in sheets() for rule in rules_in(path.read_text(encoding="utf-8"), path.name)
    ]


def named_sizes() -> dict[str, str]:
    """The tokens: name → value."""
    (root,) = rules_in(TOKENS.read_text(encoding="utf-8"), TOKENS.name)
    return dict(root.declarations)


def unnamed(rules: list[Rule], tokens: dict[str, str]) -> list[str]:
    """Sizes that are written as a number though they have a name."""
    found = []
    for rule in rules:
        for name, value in rule.declarations:
            start = NAMED.get(name) or NAMED.get(
                re.sub(r"-(top|right|bottom|left|block|inline).*", "", name)
            )
            if start is None:
                continue
            known = {size for token, size in tokens.items() if token.startswith(start)}
            found += [
                f"{rule.sheet}: {rule.selector}: {name}: {value}"
                for number in NUMBER.findall(value)
                if number in known
            ]
    return found


def written_twice(rules: list[Rule]) -> list[str]:
    return [
        f"{one.sheet} {one.selector} and {other.sheet} {other.selector}"
        for one, other in combinations(rules, 2)
        if len(set(one.declarations) & set(other.declarations)) > SAME_AT_MOST
    ]


def for_nothing(rules: list[Rule], sources: str) -> set[str]:
    """Classes that no script and no Python source gives to an element."""
    classes = {name for rule in rules for name in SELECTED.findall(rule.selector)}
    words = set(re.findall(r"(?<![\w-])[a-zA-Z][\w-]*", sources))
    starts = tuple(set(re.findall(r"([a-zA-Z][\w-]*-)\$\{", sources)))
    return {name for name in classes - words - GRADIO if not name.startswith(starts)}


def test_a_size_that_has_a_name_is_written_by_it() -> None:
    rules = [rule for rule in all_rules() if rule.sheet not in (TOKENS.name, FIRST.name)]
    assert unnamed(rules, named_sizes()) == []


def test_no_look_is_written_twice() -> None:
    assert written_twice(all_rules()) == []


def test_every_class_is_given_to_an_element() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in (EXTENSION, HOST)
        for path in folder.rglob("*")
        if path.suffix in (".js", ".py", ".html")
    )
    assert for_nothing(all_rules(), sources) == set()


def test_the_extension_changes_nothing_of_the_page_around_it() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in EXTENSION.rglob("*.css")}
    assert [f"{name}: {rule}" for name, text in texts.items() for rule in astray(text)] == []


def test_every_custom_property_is_defined_and_used() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in sheets()}
    defined = {
        name
        for path in (TOKENS, COLOURS, HOST_THEME)
        for name in re.findall(r"^\s*(--studio-[\w-]+):", texts[path], re.MULTILINE)
    }
    python = [path.read_text(encoding="utf-8") for path in HOST.rglob("*.py")]
    used = set(re.findall(r"var\((--studio-[\w-]+)", "\n".join([*texts.values(), *python])))
    assert used == defined


def test_what_is_wrong_is_found() -> None:
    text = """
    .used { margin: 0 -8px; font-size: 13px; padding: 3px 8px; } /* .gone { gap: 8px } */
    @media (width <= 480px) { .made-high { line-height: 1.5; gap: calc(8px + 1em); } }
    .absent { top: 8px; margin-top: 0.8px; }
    """
    rules = list(rules_in(text, "x.css"))
    tokens = {"--studio-space-4": "8px", "--studio-size-a": "13px", "--studio-leading-b": "1.5"}
    assert [found.partition(": ")[2] for found in unnamed(rules, tokens)] == [
        ".used: margin: 0 -8px",
        ".used: font-size: 13px",
        ".used: padding: 3px 8px",
        ".made-high: line-height: 1.5",
        ".made-high: gap: calc(8px + 1em)",
    ]
    assert for_nothing(rules, "class: `used made-${expert}`") == {"absent"}
    same = tuple((str(number), "1px") for number in range(SAME_AT_MOST + 1))
    twice = [Rule("x.css", ".a", same), Rule("y.css", ".b", same), Rule("y.css", ".c", same[1:])]
    assert written_twice(twice) == ["x.css .a and y.css .b"]


def test_a_rule_that_goes_astray_is_found() -> None:
    text = f"""
    :root, body.dark {{ --studio-text: red; }} :root {{ --studio-text: red; color: red }}
    .icon {{ width: 1px }} /* .note {{ width: 1px }} */
    .script-panel, .script-panel > div {{ border: 0 }} .script-panel, p {{ border: 0 }}
    @keyframes lora-wait {{ to {{ opacity: 0 }} }} @keyframes wait {{ to {{ opacity: 0 }} }}
    {ROOTS} {{
        color: red;
        .icon, &.box:is(p, a) > p {{ width: 1px; &:hover {{ width: 2px }} }}
        @media (width <= 9px) {{ .dark & {{ color: red }} p, & ~ p {{ color: red }} }}
        + p {{ color: red }}
        p:not(&) {{ color: red }}
    }}
    @media (width <= 9px) {{ p {{ color: red }} }}
    """
    assert astray(text) == [
        ":root",
        ".icon",
        ".script-panel, p",
        "@keyframes wait / to",
        f"{ROOTS} / @media (width <= 9px) / p, & ~ p",
        f"{ROOTS} / + p",
        f"{ROOTS} / p:not(&)",
        "@media (width <= 9px) / p",
    ]
