"""Notation of other programs in a prompt: LoRAs are taken out, the rest is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_lora_studio.lora.selection.prompt_notation import read_prompt, unsupported_in


@pytest.mark.parametrize(
    ("tag", "name", "strength"),
    [
        ("<lora:golden_hour:0.8>", "golden_hour", 0.8),
        ("<lora:golden_hour>", "golden_hour", None),
        ("<lora:golden_hour:0.8:0.4>", "golden_hour", {"high": 0.8, "low": 0.4}),
        ("<lora:golden_hour:1:1>", "golden_hour", 1.0),
        ("<lora:golden_hour:-.5>", "golden_hour", -0.5),
        ("<lora:golden_hour:high=1:low=0.4>", "golden_hour", {"high": 1.0, "low": 0.4}),
        ("<lora:golden_hour:low=0.4>", "golden_hour", {"high": 0.0, "low": 0.4}),
        ("<lora:golden_hour:te=0.5:unet=0.8>", "golden_hour", 0.8),
        ("<lora:golden_hour:te=0.5>", "golden_hour", 0.5),
        ("<lyco:golden_hour:0.8>", "golden_hour", 0.8),
        ("<LoRA: Golden Hour : 0.8 >", "Golden Hour", 0.8),
        ("<lora:my style v1.2.safetensors:0.8>", "my style v1.2.safetensors", 0.8),
        (r"<lora:wan\styles\ink:1>", r"wan\styles\ink", 1.0),
        ("<lora:wan/styles/ink:1>", "wan/styles/ink", 1.0),
        ("<lora:a=b:1>", "a=b", 1.0),
        ("<lora:电影感:0.8>", "电影感", 0.8),
        ("＜lora：ink：0.8＞", "ink", 0.8),
        ("&lt;lora:ink:0.8&gt;", "ink", 0.8),
    ],
)
def test_a_lora_is_read_and_leaves_the_prompt(tag: str, name: str, strength: Any) -> None:
    reading = read_prompt(f"a fox {tag} in snow")
    assert [(lora.tag, lora.name, lora.strength) for lora in reading.loras] == [
        (tag, name, strength)
    ]
    assert (reading.text, reading.problems) == ("a fox in snow", ())


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("<lora:a:1>", ""),
        ("<lora:a:1> a fox", "a fox"),
        ("<lora:a:1>, a fox", "a fox"),
        ("a fox, <lora:a:1>", "a fox"),
        ("a fox <lora:a:1>, red", "a fox, red"),
        ("a fox, <lora:a:1>, red", "a fox, red"),
        ("a fox, <lora:a:1>, <lora:b:1>, red", "a fox, red"),
        ("a fox<lora:a:1><lora:b:1>red", "a fox red"),
        ("A fox <lora:a:1>. It runs.", "A fox. It runs."),
        ("a fox\n<lora:a:1> runs\nfast", "a fox\nruns\nfast"),
        ("a fox,\n<lora:a:1>", "a fox"),
        ("a  fox , no tag ", "a  fox , no tag "),
    ],
)
def test_the_rest_of_the_prompt_stays_and_reads_well(prompt: str, text: str) -> None:
    assert read_prompt(prompt).text == text


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("<lora:>", "names no LoRA"),
        ("<lora::0.8>", "names no LoRA"),
        ("<lora:a:>", "is not a number"),
        ("<lora:a:strong>", "strong is not a number"),
        ("<lora:a:0,8>", "a point, not a comma"),
        ("<lora:a:nan>", "is not a number"),
        ("<lora:a:1e3>", "is not a number"),
        ("<lora:a:101>", "is not between -100 and 100"),
        ("<lora:a:" + "9" * 5000 + ">", "is not between -100 and 100"),
        ("<lora:a:1:1:1>", "one strength, or two"),
        ("<lora:a:1:low=1>", "one strength, or two"),
        ("<lora:a:lbw=FACE>", "lbw is not known here"),
        ("<lora:a:dyn=8>", "dyn is not known here"),
        ("<lora:a:0.8", "lacks its closing >"),
    ],
)
def test_what_cannot_be_read_is_told_and_stays(tag: str, why: str) -> None:
    reading = read_prompt(f"a fox {tag}")
    assert reading.loras == ()
    assert reading.text == f"a fox {tag}"
    assert len(reading.problems) == 1
    assert why in reading.problems[0]


@pytest.mark.parametrize(
    "notation",
    [
        *("{red|blue}", "{2$$red|blue|green}", "{0.5::red|blue}", "{a|{b|c}}", "{|red}"),
        *("__animal__", "__animals/cats__", "__style*__"),
        *("(red:1.3)", "(red fox: .8)", "(red fox (small):1.2)", "(style 2:1.3)", "(red)1.3"),
        *("(red)++", "((red))", "(((red)))", "{{red}}", "[red]", "[[red]]", "[cat:dog:0.5]"),
        *("[cat|dog]", r"fox \(animal\)", "embedding:bad-hands", "a fox BREAK a cat"),
        *("<hypernet:x:1>", "<random:red,blue>", "<wildcard:animal>", "<segment:face>"),
    ],
)
def test_other_notation_is_told_once(notation: str) -> None:
    told = unsupported_in(f"a fox, {notation}, in snow", f"again {notation}")
    assert len(told) == 1
    assert "goes to the model as written" in told[0]
    assert "not supported" in told[0]


@pytest.mark.parametrize(
    "prompt",
    [
        "a fox (small) runs at 10:30, at f(x) = y",
        "(John 3:16), (16:9), (12:30-13:00), (see: https://example.org)",
        "C++ code, snake_case_name, https://example.org/__init__",
        "camera pans [0-3s], array[0], {}, a set {fox}",
        '{"subject": "fox | dog", "camera": {"moves": ["left", "right"], "lens": 35}}',
        "{'subject': 'fox | dog', 'tags': ['a', 'b']}",
        "{subject: fox | dog, mood: calm}",
        '{"scene": {"light": {"key": "a|b"}}}',
        '["a", "b"]',
        "a < b: c > d, I <3 foxes, red -> blue",
        "STEP BREAK DANCE",
        "色调艳丽，过曝，静态，细节模糊不清",
        "<lora:a:1>",
        "",
    ],
)
def test_plain_text_is_left_alone(prompt: str) -> None:
    assert unsupported_in(prompt) == ()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="<>lora:(){}[]|_\\ .,1a=\n＜：", max_size=80))
def test_whatever_is_written_nothing_that_was_read_stays(prompt: str) -> None:
    reading = read_prompt(prompt)
    for lora in reading.loras:
        assert lora.tag in prompt
    assert len(reading.text) <= len(prompt)
    if not reading.loras:
        assert reading.text == prompt
    unsupported_in(prompt)


@pytest.mark.parametrize(
    "piece", ["(", "(a:", "(a:1", "{a|", "{{a", "[a", "__a ", "<lora:a", "<a:", "\\(", "(a (b "]
)
def test_a_long_prompt_is_read_in_linear_time(piece: str) -> None:
    """With a pattern that goes back and forth this would take hours."""
    prompt = piece * 50_000
    read_prompt(prompt)
    unsupported_in(prompt)
