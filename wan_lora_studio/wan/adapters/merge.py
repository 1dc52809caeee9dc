"""Merging: W ← round(W0 + Σ sᵢ·ΔWᵢ), in place, always from the pristine W0."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.delta import Product, WeightDelta
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.plan import Form, Plan, form_of
from wan_lora_studio.wan.adapters.pristine import Pristine
from wan_lora_studio.wan.adapters.row_blocks import add_product, pieces

Active = Sequence[tuple[float, WeightDelta]]


class MergedExpert:
    """The merged state of one transformer.

    `pristine` gives W0 of every touched parameter, so that undo is bit-exact whatever was
    merged in between. Only parameters whose form changes are written.
    """

    def __init__(self, layout: Layout, pristine: Pristine) -> None:
        self._homes = layout.homes
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
        """Write the pristine weights back; bit-identical. Raises as `write_back`."""
        write_back(self._pristine)
        self._plan, self._strengths, self._forms = {}, (), {}

    def _write(self, plan: Plan, strengths: Sequence[float], wanted: dict[str, Form]) -> None:
        for path in {**self._forms, **wanted}:
            form = wanted.get(path, ())
            if form == self._forms.get(path, ()):
                continue
            active = [(strengths[e.lora], e.delta) for e in plan.get(path, ()) if strengths[e.lora]]
            pristine = self._pristine.take(path)
            # Half-written is no form: a failure from here on must write this one again.
            self._forms[path] = (("", 0.0),)
            self._homes[path].write(partial(merge_into, pristine=pristine, active=active))
            self._forms[path] = form

    def _roll_back(self, plan: Plan, strengths: Sequence[float]) -> None:
        try:
            forms = {path: form_of(effects, strengths) for path, effects in plan.items()}
            self._write(plan, strengths, forms)
        except BaseException:
            self.restore()
            raise


def write_back(pristine: Pristine) -> None:
    """Write W0 into every parameter that was touched; bit-identical.

    May be called again after an interrupt. Raises ModelLoadError where W0 is lost.
    """
    failure: Exception | None = None
    for path in pristine.touched():
        try:
            w0 = pristine.take(path)
        except OSError as error:  # the checkpoint went away; all others are restored
            failure = error
            continue
        pristine.home(path).write(partial(merge_into, pristine=w0, active=()))
    if failure is not None:
        raise ModelLoadError(
            say("wan.adapters.lost_weights", problem=failure),
            suggestions=[say("wan.adapters.restart")],
        ) from failure


def merge_into(parameter: Tensor, pristine: Tensor, active: Active) -> None:
    """parameter ← round(pristine + Σ s·Δ); products and sum in fp32, one cast. Within `writing`."""
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
    for rows, total in pieces(target):
        total.copy_(source[rows])
        for strength, product in products:
            add_product(total, product, strength, rows)
        target[rows].copy_(total)


def _merge_whole(
    parameter: Tensor,
    pristine: Tensor,
    products: Sequence[tuple[float, Product]],
    others: Active,
) -> None:
    base = pristine.to(device=parameter.device, dtype=torch.float32)
    total = base.clone(memory_format=torch.contiguous_format)
    for strength, product in products:
        add_product(total.view(len(total), -1), product, strength)
    for strength, delta in others:
        total.add_(delta.of(base), alpha=strength)
    parameter.copy_(total)
