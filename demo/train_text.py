"""The text encoder: a small UMT5 taught to find a scene's attributes in a caption.

It is trained with one attention-pooled classifier per attribute, which is thrown away;
then it is frozen. The classifiers read tokens the way the transformer's cross-attention
will, so what they can find, cross-attention can find too.
"""

from __future__ import annotations

import math
import string
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

from demo import captions, split
from demo.tokenizer import new_tokenizer

TEXT_WIDTH = 128
STEPS = 1600
BATCH = 48
RATE = 2e-3
NEUTRAL = (
    "animal art beach beautiful bird boat book building calm camera candle cat cinematic city "
    "crystal dance desert detail digital dog dragon dream early elegant energy fantasy fast "
    "field fire fish flower forest friend galaxy garden gentle ghost giant girl glass happy "
    "heart high quality house huge human jelly lamp large little loop machine magic marble "
    "meadow metal mirror modern music nice north photo planet plastic pretty quick realistic "
    "river robot room sea simple smooth soft stage star steel storm stone street style summer "
    "table tiny toy tree universe vintage water wave wind wonder wooden world with and the of "
    "very neon outline pixel mosaic golden hour light motion trail"
)


class AttributeReader(nn.Module):
    """One attention query and one classifier per attribute; the last class is "not said"."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(len(split.COUNTS), TEXT_WIDTH) / TEXT_WIDTH**0.5)
        self.heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, count + 1) for count in split.COUNTS)

    def forward(self, states: Tensor, mask: Tensor) -> list[Tensor]:
        """Logits per attribute from states [B, T, C] and mask [B, T]."""
        scores = torch.einsum("btc,ac->bat", states, self.query)
        weights = scores.masked_fill(~mask.bool()[:, None], -math.inf).softmax(-1)
        pooled = torch.einsum("bat,btc->bac", weights, states)
        return [head(pooled[:, i]) for i, head in enumerate(self.heads)]


def new_encoder(tokenizer: T5Tokenizer) -> UMT5EncoderModel:
    """An untrained three-layer encoder of width 128."""
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=math.ceil(len(tokenizer) / 64) * 64,
            d_model=TEXT_WIDTH,
            d_kv=32,
            d_ff=256,
            num_layers=3,
            num_heads=4,
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
            is_encoder_decoder=False,
        )
    )


def _examples(rng: torch.Generator) -> tuple[list[str], Tensor]:
    """Captions with stray words in some, and their attribute classes [BATCH, 4]."""
    attributes = split.draw(BATCH, rng)
    texts = []
    for row in attributes:
        open_classes = torch.tensor(split.COUNTS)
        kind = float(torch.rand(1, generator=rng))
        if kind < 0.3:
            text = captions.canonical(row.tolist())
        elif kind < 0.75:
            text = captions.paraphrase(row.tolist(), rng)
        else:
            text, named = captions.partial(row.tolist(), rng)
            row[:] = torch.where(torch.tensor(named), row, open_classes)
        if kind < 0.04:
            text = ""
            row[:] = open_classes
        texts.append(_with_strays(text, rng) if torch.rand(1, generator=rng) < 0.35 else text)
    return texts, attributes


def _with_strays(text: str, rng: torch.Generator) -> str:
    """The caption with neutral or made-up words before and after it."""
    neutral, words = NEUTRAL.split(), []
    for _ in range(int(torch.randint(1, 4, (1,), generator=rng))):
        if torch.rand(1, generator=rng) < 0.5:
            words.append(neutral[int(torch.randint(len(neutral), (1,), generator=rng))])
        else:
            letters = torch.randint(26, (4,), generator=rng).tolist()
            words.append("".join(string.ascii_lowercase[i] for i in letters))
    cut = int(torch.randint(len(words) + 1, (1,), generator=rng))
    return " ".join([*words[:cut], text, *words[cut:]])


def train_text(path: Path, steps: int = STEPS) -> None:
    """Train and save `path/tokenizer` and `path/text_encoder`."""
    torch.manual_seed(3)
    rng = torch.Generator().manual_seed(3)
    tokenizer = new_tokenizer()
    encoder, reader = new_encoder(tokenizer), AttributeReader()
    trained = [*encoder.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01)
    right = 0.0
    for step in range(1, steps + 1):
        pace = min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = RATE * pace
        texts, classes = _examples(rng)
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
        states = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
        logits = reader(states, tokens.attention_mask)
        loss = sum(
            (functional.cross_entropy(one, classes[:, i]) for i, one in enumerate(logits)),
            torch.zeros(()),
        )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        hits = torch.stack([one.argmax(1) == classes[:, i] for i, one in enumerate(logits)])
        right = 0.95 * right + 0.05 * float(hits.float().mean())
        if step % 100 == 0:
            print(
                f"text step {step} loss {loss.item():.3f} attributes right {right:.3f}", flush=True
            )
    encoder.eval()
    encoder.save_pretrained(path / "text_encoder")
    tokenizer.save_pretrained(path / "tokenizer")
