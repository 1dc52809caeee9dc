"""Embeddings of prompts: encoded once, the same bits from disk, and no trust in what lies there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.support.studio import Studio
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.models.embeddings import PromptEmbeddings
from wan_lora_studio.wan.models.loading import ModelManager

TOKENS, WIDTH = 12, 8


class Encoder:
    """Makes an embedding for each text, and counts how often."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self.calls: list[str] = []
        self._dtype = dtype

    def __call__(self, text: str) -> Callable[[], Tensor]:
        def encode() -> Tensor:
            self.calls.append(text)
            found = torch.zeros(1, TOKENS, WIDTH)
            used = len(text)
            draws = torch.Generator().manual_seed(used)
            found[0, :used] = torch.randn(used, WIDTH, generator=draws)
            found[0, 0, 0] = -0.0
            return found.to(self._dtype)

        return encode


def bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("text", ["", "a cat", "123456789012"])
def test_the_same_bits_from_memory_and_from_disk(
    text: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    encoder = Encoder(dtype)
    wanted = Encoder(dtype)(text)()
    here = PromptEmbeddings(tmp_path, "one")
    found = [here.of(text, TOKENS, encoder(text)) for _ in range(2)]
    found.append(PromptEmbeddings(tmp_path, "one").of(text, TOKENS, encoder(text)))
    assert encoder.calls == [text]
    assert all(bits(each) == bits(wanted) and each.dtype == dtype for each in found)


def test_another_encoder_text_or_length_is_another_embedding(tmp_path: Path) -> None:
    encoder = Encoder()
    PromptEmbeddings(tmp_path, "one").of("cat", TOKENS, encoder("cat"))
    PromptEmbeddings(tmp_path, "two").of("cat", TOKENS, encoder("cat"))
    PromptEmbeddings(tmp_path, "one").of("cats", TOKENS, encoder("cats"))
    PromptEmbeddings(tmp_path, "one").of("cat", TOKENS + 1, encoder("cat"))
    assert encoder.calls == ["cat", "cat", "cats", "cat"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def garbage(path: Path) -> None:
    path.write_bytes(b"no embedding")


def foreign(path: Path) -> None:
    save_file({"embedding": torch.ones(3, WIDTH)}, path)


def of_another_text(path: Path) -> None:
    folder = path.parent / "other"
    PromptEmbeddings(folder, "one").of("dog!", TOKENS, Encoder()("dog!"))
    path.write_bytes(next(folder.iterdir()).read_bytes())


@pytest.mark.parametrize("damage", [cut, flipped, garbage, foreign, of_another_text])
def test_a_broken_or_foreign_entry_is_made_again(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    encoder = Encoder()
    whole = PromptEmbeddings(tmp_path, "one").of("cat", TOKENS, encoder("cat"))
    (path,) = tmp_path.glob("*.safetensors")
    sound = load_file(path)["embedding"].clone()
    damage(path)
    again = PromptEmbeddings(tmp_path, "one").of("cat", TOKENS, encoder("cat"))
    assert len(encoder.calls) == 2 and bits(again) == bits(whole)
    assert torch.equal(load_file(path)["embedding"], sound)


def test_the_one_that_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    encoder = Encoder()
    PromptEmbeddings(tmp_path, "one").of("a", TOKENS, encoder("a"))
    (first,) = tmp_path.iterdir()
    room = 3 * first.stat().st_size
    for age, text in enumerate(("b", "a", "c", "d")):
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 100))
        PromptEmbeddings(tmp_path, "one", room).of(text, TOKENS, encoder(text))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= room, age
    assert encoder.calls == ["a", "b", "c", "d"]
    PromptEmbeddings(tmp_path, "one").of("a", TOKENS, encoder("a"))
    PromptEmbeddings(tmp_path, "one").of("b", TOKENS, encoder("b"))
    assert encoder.calls[4:] == ["b"]


def test_a_disk_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    taken = tmp_path / "embeddings"
    taken.write_text("not a folder", encoding="utf-8")
    encoder = Encoder()
    here = PromptEmbeddings(taken, "one")
    for _ in range(2):
        here.of("cat", TOKENS, encoder("cat"))
    assert encoder.calls == ["cat"] and taken.is_file()


def test_an_embedding_that_is_no_number_is_not_kept(tmp_path: Path) -> None:
    here = PromptEmbeddings(tmp_path, "one")
    bad = here.of("cat", TOKENS, lambda: torch.full((1, TOKENS, WIDTH), torch.nan))
    assert bad.isnan().all() and not list(tmp_path.iterdir())
    encoder = Encoder()
    here.of("cat", TOKENS, encoder("cat"))
    assert encoder.calls == ["cat"]


def test_they_are_what_the_pipeline_makes_of_the_prompts(
    studio_settings: Settings, tmp_path: Path
) -> None:
    settings = studio_settings.model_copy(update={"data_dir": tmp_path})
    for _ in range(2):  # the second time from disk
        model = ModelManager(settings).load("t2v")
        found = [model.embedding(text, 512) for text in ("a shape", "")]
    with torch.no_grad():
        wanted = model.pipeline.encode_prompt("a shape", "", max_sequence_length=512)
    assert [bits(each) for each in found] == [bits(each) for each in wanted]


def test_a_batch_of_one_prompt_encodes_it_once(studio_settings: Settings, tmp_path: Path) -> None:
    settings = studio_settings.model_copy(
        update={"data_dir": tmp_path / "data", "outputs_dir": tmp_path}
    )
    studio = Studio(settings, ModelManager(settings))
    passes: list[str] = []
    model = studio.models.load("t2v")
    model.pipeline.text_encoder.register_forward_hook(lambda *_: passes.append("pass"))
    for seed in range(3):
        studio.run(seed=seed, steps=1)
    assert len(passes) == 2  # of the prompt, and of the negative one
