"""Merging: W ← round(W0 + Σ sᵢ·ΔWᵢ), in place, always from the pristine W0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from backend.wan.adapters.delta import WeightDelta
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

    def __init__(self, model: nn.Module, pristine: Pristine) -> None:
        self._parameters = dict(model.named_parameters())
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

    def restore(self) -> None:
        """Write the pristine weights back; bit-identical."""
        with torch.no_grad():
            for path in self._pristine.touched():
                self._parameters[path].copy_(self._pristine.take(path))
        self._plan, self._strengths, self._forms = {}, (), {}

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
    """parameter ← round(pristine + Σ s·Δ); products and sum in fp32, one cast.

    Low-rank changes are summed in one product with their ranks concatenated.
    """
    if not active:
        parameter.copy_(pristine)
        return
    device = parameter.device
    with _full_fp32():
        pairs = []
        others = []
        for strength, delta in active:
            pair = delta.product(device)
            if pair is None:
                others.append((strength, delta))
            else:
                pairs.append((pair[0].mul_(strength), pair[1]))
        product = _concatenated(pairs)
        if others or not parameter.is_contiguous():
            _merge_whole(parameter, pristine, product, others)
        elif product is not None:
            _merge_by_rows(parameter, pristine, *product)


def _concatenated(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor] | None:
    if len(pairs) < 2:
        return pairs[0] if pairs else None
    return torch.cat([up for up, _ in pairs], dim=1), torch.cat([down for _, down in pairs])


def _merge_by_rows(parameter: Tensor, pristine: Tensor, up: Tensor, down: Tensor) -> None:
    target = parameter.view(up.shape[0], -1)
    source = pristine.to(parameter.device).view(target.shape)
    rows = _rows_at_once(target)
    for start in range(0, target.shape[0], rows):
        stop = start + rows
        piece = source[start:stop].to(torch.float32, copy=True)
        target[start:stop].copy_(piece.addmm_(up[start:stop], down))


def _merge_whole(
    parameter: Tensor, pristine: Tensor, product: tuple[Tensor, Tensor] | None, others: Active
) -> None:
    base = pristine.to(device=parameter.device, dtype=torch.float32)
    total = base.clone()
    for strength, delta in others:
        total.add_(delta.of(base), alpha=strength)
    if product is not None:
        total.view(total.shape[0], -1).addmm_(*product)
    parameter.copy_(total)


def _rows_at_once(weight: Tensor) -> int:
    piece = PIECE_ON_CPU if weight.device.type == "cpu" else PIECE_ON_GPU
    return max(1, piece // weight.shape[1])


@contextmanager
def _full_fp32() -> Iterator[None]:
    """No TF32 or bf16 inside fp32 products, whatever the process has chosen."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
