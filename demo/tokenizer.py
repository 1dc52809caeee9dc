"""The demo model's tokenizer: known words whole, everything else letter by letter.

The vocabulary is written down rather than learned, so it is the same on every machine.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

from transformers import T5Tokenizer

from demo import captions

WORDS = Path(__file__).with_name("words.txt")
SUFFIXES = ("s", "ed", "ing", "ly", "er", "ward", "wards", "ish", "y", "es")
LETTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits + string.punctuation


def vocabulary() -> list[str]:
    """All known words in lower case, sorted."""
    texts = [WORDS.read_text(), *captions.OPENINGS, *captions.ENDINGS, *captions.TRIGGERS.values()]
    for table in (
        captions.COLOUR_WORDS,
        captions.SHAPE_WORDS,
        captions.DIRECTION_PHRASES,
        captions.BACKGROUND_PHRASES,
    ):
        texts += [phrase for phrases in table.values() for phrase in phrases]
    return sorted(set(re.findall(r"[a-z0-9]+", " ".join(texts).lower())))


def new_tokenizer() -> T5Tokenizer:
    """A T5 tokenizer over the vocabulary; words may start with a capital letter."""
    words = vocabulary()
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -30.0), ("▁", -6.0)]
    forms = [*words, *sorted({word.capitalize() for word in words} - set(words))]
    pieces += [("▁" + word, -4.0) for word in forms]
    known = {piece for piece, _ in pieces}
    pieces += [
        (suffix, -7.0) for suffix in SUFFIXES if suffix not in LETTERS and suffix not in known
    ]
    pieces += [(letter, -7.0 if letter in string.punctuation else -9.0) for letter in LETTERS]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512)
