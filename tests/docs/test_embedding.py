"""docs/embedding.md shows the examples as they are, and its other lines run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"([^`]*(?:`[^`\n]*`[^`]*)*)^```python\n(.*?)^```$", PAGE, re.M | re.S)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SHOWN = re.compile(r"examples/(\w+\.py)")
# What a reader has of the page's first example.
BEFORE = (
    "from diffusers import WanPipeline",
    "from wan_lora_studio import LoRAExtension",
    f"MODEL = {str(ROOT / 'models' / 'demo')!r}",
    "pipe = WanPipeline.from_pretrained(MODEL)",
    "with gr.Blocks():",
    "    picked = LoRAExtension('others', pipe).controls()",
)


def shown(name: str) -> list[str]:
    """The code that follows where the page last names an example."""
    named = ((SHOWN.findall(before.rpartition("\n## ")[2]), code) for before, code in BLOCKS)
    return [code for found, code in named if found and found[-1] == name]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_is_shown_as_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [code in text for code in shown(path.name)] == [True]


def test_one_example_is_shown_whole() -> None:
    whole = (ROOT / "examples" / "plain_blocks.py").read_text(encoding="utf-8")
    assert shown("plain_blocks.py") == [whole]


def test_the_other_lines_run(tmp_path: Path) -> None:
    others = [code for before, code in BLOCKS if not SHOWN.search(before.rpartition("\n## ")[2])]
    assert len(others) == 3
    program = "\n".join(["import gradio as gr", *BEFORE, *indented(others)])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"},
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "loras" / "people").is_dir()


def indented(codes: list[str]) -> list[str]:
    return [f"    {line}" for code in codes for line in code.splitlines()]
