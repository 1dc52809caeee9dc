"""Row blocks: a weight taken a few rows at a time in fp32, so that no whole copy is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from wan_lora_studio.wan.adapters.delta import Product

# Elements of a piece: in fp32 it stays in a CPU's cache; a GPU wants large ones.
PIECE_ON_CPU = 1 << 20
PIECE_ON_GPU = 1 << 26


def pieces(weight: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """All rows of `weight` ([out, in]) piece by piece, with a buffer for each.

    The buffer is [rows, in], fp32, on the weight's device; it is the same memory for each piece.
    """
    size = PIECE_ON_CPU if weight.device.type == "cpu" else PIECE_ON_GPU
    count = min(len(weight), max(1, size // weight.shape[1]))
    buffer = torch.empty(count, weight.shape[1], dtype=torch.float32, device=weight.device)
    for start in range(0, len(weight), count):
        rows = slice(start, min(start + count, len(weight)))
        yield rows, buffer[: rows.stop - start]


def add_product(
    total: Tensor, product: Product, strength: float, rows: slice = slice(None)
) -> None:
    """total += strength · scale · (up @ down)[rows], in fp32."""
    with _fp32_products(exact_in_bf16=product.exact_in_bf16):
        total.addmm_(product.up[rows], product.down, alpha=strength * product.scale)


@contextmanager
def _fp32_products(*, exact_in_bf16: bool) -> Iterator[None]:
    """fp32 products without loss, whatever precision the process has chosen.

    Where both factors hold bf16 numbers, the product units for those give the same result:
    each product of two such numbers is exact in fp32, and sums are fp32 on every device.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if exact_in_bf16 else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
