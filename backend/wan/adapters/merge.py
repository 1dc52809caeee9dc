"""Merging: W ← round(W0 + Σ sᵢ·ΔWᵢ), in place, always from the pristine W0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from backend.errors import ModelLoadError
from backend.wan.adapters.delta import Product, WeightDelta
from backend.wan.adapters.layout import Layout
from backend.wan.adapters.plan import Form, Plan, form_of
from backend.wan.adapters.pristine import Pristine

# Rows of a weight are merged in pieces of about this many elements: in fp32 they stay in a CPU's
# cache; a GPU wants large ones.
PIECE_ON_CPU = 1 << 20
PIECE_ON_GPU = 1 << 26

Active = Sequence[tuple[float, WeightDelta]]


class MergedExpert:
    """The merged state of one transformer.

    `pristine` gives W0 of every touched parameter, so that undo is bit-exact whatever was
    merged in between. Only parameters whose form changes are written.
    """

    def __init__(self, layout: Layout, pristine: Pristine) -> None:
        self._parameters = layout.parameters
        self._pristine = pristine
        self._plan: Plan = {}
        self._strengths: tuple[float, ...] = ()
        self._forms: dict[str, Form] = {}

    def bring(self, plan: Plan, strengths: Sequence[float]) -> None:
        """Bring the weights to this plan at these strengths (one per LoRA of the stack).

        On any failure the weights are as they were.
        """
        wanted = {path: form_of(effects, strengths) for path, effects in plan.items()}
        before = self._plan, self._strengths
        try:
            self._write(plan, strengths, wanted)
        except BaseException:
            self._roll_back(*before)
            raise
        self._plan, self._strengths = plan, tuple(strengths)

    def set_strengths(self, strengths: Sequence[float]) -> None:
        """The same plan at other strengths."""
        if tuple(strengths) != self._strengths:
            self.bring(self._plan, strengths)

    def resident_bytes(self) -> int:
        """Factors are on the accelerator only while they are merged."""
        return 0

    def restore(self) -> None:
        """Write the pristine weights back; bit-identical."""
        failure: Exception | None = None
        with torch.no_grad():
            for path in self._pristine.touched():
                try:
                    self._parameters[path].copy_(self._pristine.take(path))
                except OSError as error:  # the checkpoint went away; all others are restored
                    failure = error
        self._plan, self._strengths, self._forms = {}, (), {}
        if failure is not None:
            raise ModelLoadError(
                f"The model's weights could not be read again from its folder: {failure}.",
                suggestions=["Restart the app, so that the model is loaded anew."],
            ) from failure

    def _write(self, plan: Plan, strengths: Sequence[float], wanted: dict[str, Form]) -> None:
        for path in {**self._forms, **wanted}:
            form = wanted.get(path, ())
            if form == self._forms.get(path, ()):
                continue
            active = [(strengths[e.lora], e.delta) for e in plan.get(path, ()) if strengths[e.lora]]
            parameter, pristine = self._parameters[path], self._pristine.take(path)
            # Half-written is no form: a failure from here on must write this one again.
            self._forms[path] = (("", 0.0),)
            merge_into(parameter, pristine, active)
            self._forms[path] = form

    def _roll_back(self, plan: Plan, strengths: Sequence[float]) -> None:
        try:
            forms = {path: form_of(effects, strengths) for path, effects in plan.items()}
            self._write(plan, strengths, forms)
        except BaseException:
            self.restore()
            raise


@torch.no_grad()
def merge_into(parameter: Tensor, pristine: Tensor, active: Active) -> None:
    """parameter ← round(pristine + Σ s·Δ); products and sum in fp32, one cast."""
    if not active:
        parameter.copy_(pristine)
        return
    products: list[tuple[float, Product]] = []
    others: list[tuple[float, WeightDelta]] = []
    for strength, delta in active:
        product = delta.product(parameter.device)
        if product is None:
            others.append((strength, delta))
        else:
            products.append((strength, product))
    if others or not parameter.is_contiguous():
        _merge_whole(parameter, pristine, products, others)
    else:
        _merge_by_rows(parameter, pristine, products)


def _merge_by_rows(
    parameter: Tensor, pristine: Tensor, products: Sequence[tuple[float, Product]]
) -> None:
    """One pass over the weight, a few rows at a time, whatever the number of products."""
    target = parameter.view(len(products[0][1].up), -1)
    source = pristine.to(parameter.device).view(target.shape)
    rows = _rows_at_once(target)
    buffer = torch.empty(rows, target.shape[1], dtype=torch.float32, device=target.device)
    for start in range(0, len(target), rows):
        piece = slice(start, min(start + rows, len(target)))
        total = buffer[: piece.stop - start].copy_(source[piece])
        for strength, product in products:
            _add_product(total, product, strength, piece)
        target[piece].copy_(total)


def _merge_whole(
    parameter: Tensor,
    pristine: Tensor,
    products: Sequence[tuple[float, Product]],
    others: Active,
) -> None:
    base = pristine.to(device=parameter.device, dtype=torch.float32)
    total = base.clone(memory_format=torch.contiguous_format)
    for strength, product in products:
        _add_product(total.view(len(total), -1), product, strength, slice(None))
    for strength, delta in others:
        total.add_(delta.of(base), alpha=strength)
    parameter.copy_(total)


def _add_product(total: Tensor, product: Product, strength: float, rows: slice) -> None:
    """total += strength · scale · (up @ down)[rows], in fp32."""
    with _fp32_products(exact_in_bf16=product.exact_in_bf16):
        total.addmm_(product.up[rows], product.down, alpha=strength * product.scale)


def _rows_at_once(weight: Tensor) -> int:
    piece = PIECE_ON_CPU if weight.device.type == "cpu" else PIECE_ON_GPU
    return max(1, piece // weight.shape[1])


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
