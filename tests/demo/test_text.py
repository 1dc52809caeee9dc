"""Captions name their scene, and the tokenizer reads any prompt."""

from __future__ import annotations

import torch
from transformers import AutoTokenizer

from demo import captions
from demo.paths import Paths
from demo.tokenizer import new_tokenizer


def test_canonical_captions_name_all_attributes() -> None:
    assert captions.canonical([0, 0, 0, 1]) == "a red circle moving left on a navy background"
    assert captions.canonical([6, 2, 2, 3]) == "an orange triangle moving up on a sunset background"


def test_every_caption_is_made_of_known_words() -> None:
    tokenizer = new_tokenizer()
    rng = torch.Generator().manual_seed(0)
    for index in range(40):
        text = captions.paraphrase([index % 8, index % 3, index % 4, index % 4], rng)
        pieces = tokenizer.tokenize(text)
        assert tokenizer.unk_token not in pieces
        assert len(pieces) < 40


def test_the_saved_tokenizer_is_the_written_one(demo_paths: Paths) -> None:
    saved = AutoTokenizer.from_pretrained(demo_paths.model / "tokenizer")
    fresh = new_tokenizer()
    for text in ("a red circle moving left", "A zebra, flying! motion trail", ""):
        assert saved(text).input_ids == fresh(text).input_ids
