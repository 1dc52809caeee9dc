"""Side layer: the changes beside one linear layer, added to its output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from wan_lora_studio.wan.adapters.custody import Hooked
from wan_lora_studio.wan.adapters.parameter_homes import writing
from wan_lora_studio.wan.adapters.terms import (
    Added,
    Dense,
    Gain,
    Hadamard,
    Kronecker,
    LowRank,
    Shift,
    Term,
)

MOST_EXPANDED = 256  # ranks up to which a Hadamard product is cheaper as a low-rank one


class Strengths:
    """One strength per rank (or per other term) of a transformer, on every device in use."""

    def __init__(self, owners: Sequence[int], scales: Sequence[float]) -> None:
        self._owners = torch.tensor(owners, dtype=torch.int64)
        self._scales = torch.tensor(scales, dtype=torch.float32)
        self._host = torch.zeros(len(scales))
        self._elsewhere: dict[torch.device, Tensor] = {}
        self._values: Sequence[float] = ()
        self.idle = True

    def of(self, lora: int) -> float:
        """The strength of one LoRA of the stack."""
        return self._values[lora]

    def write(self, values: Sequence[float]) -> None:
        """Set the strength of each LoRA of the stack."""
        self._values = values
        self.idle = not any(values)
        by_lora = torch.tensor(tuple(values) or (0.0,), dtype=torch.float32)
        with writing():
            torch.mul(by_lora.index_select(0, self._owners), self._scales, out=self._host)
            for copy in self._elsewhere.values():
                copy.copy_(self._host)

    def on(self, device: torch.device) -> Tensor:
        """The vector on a device; later writes show in it."""
        if device.type == "cpu":
            return self._host
        if device not in self._elsewhere:
            self._elsewhere[device] = self._host.to(device)
        return self._elsewhere[device]


@dataclass(frozen=True)
class Share:
    """One term of the layer, for the LoRA `lora` of the stack; `effect` numbers its effect."""

    effect: int
    lora: int
    term: Term


@dataclass
class _Ready:
    """The terms on the device and in the dtype of the layer's output.

    pair: (down [in, ranks], up [ranks, out]) with all ranks concatenated; gains: [count, out].
    The strengths are in the order pair, gains, others.
    """

    like: tuple[torch.device, torch.dtype]
    strengths: Tensor
    pair: tuple[Tensor, Tensor] | None
    gains: Tensor | None
    others: list[Added]

    def held(self) -> Iterator[Tensor]:
        """Every tensor of the terms."""
        yield from self.pair or ()
        if self.gains is not None:
            yield self.gains
        for term in self.others:
            yield from _tensors(term)


class BesideLayer(Hooked):
    """All LoRAs' changes of one linear layer, or of several that share their weight. `sources`
    identify the changes.

    Factors are concatenated and moved at the first forward pass, and kept until `leave`.
    """

    def __init__(
        self, modules: tuple[nn.Module, ...], sources: tuple[str, ...], shares: list[Share]
    ) -> None:
        self.modules = modules
        self.sources = sources
        self._shares = sorted(shares, key=lambda share: _order(share.term))
        with_ranks = [share for share in shares if _ranks(share.term)]
        self._only = with_ranks[0] if len(with_ranks) == 1 else None
        self._slice = slice(0, 0)
        self._strengths: Strengths | None = None
        self._ready: _Ready | None = None

    def with_owners(self, owners: Sequence[int]) -> BesideLayer:
        """The same changes where the effects belong to these LoRAs of the stack."""
        shares = [replace(share, lora=owners[share.effect]) for share in self._shares]
        twin = BesideLayer(self.modules, self.sources, shares)
        twin._ready = self._ready
        return twin

    def slots(self) -> Iterator[tuple[int, float, int]]:
        """(LoRA, scale, how many strengths) for each term in order."""
        for share in self._shares:
            term = share.term
            if isinstance(term, LowRank | Hadamard) and (ranks := _ranks(term)):
                yield share.lora, term.scale, ranks
            else:
                yield share.lora, 1.0, 1

    def use(self, strengths: Strengths, start: int, stop: int) -> None:
        """Take the strengths from this part of the transformer's vector."""
        self._strengths, self._slice = strengths, slice(start, stop)
        if self._ready is not None:
            self._ready.strengths = strengths.on(self._ready.like[0])[self._slice]

    def resident_bytes(self) -> int:
        """Bytes of this layer's factors on an accelerator."""
        if self._ready is None or self._ready.like[0].type == "cpu":
            return 0
        return sum(tensor.numel() * tensor.itemsize for tensor in self._ready.held())

    def leave(self) -> None:
        """Let copies on an accelerator go."""
        if self._ready is not None and self._ready.like[0].type != "cpu":
            self._ready = None

    def after(self, module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        """Forward hook: adds the changes into `output` in place."""
        if self._strengths is None or self._strengths.idle:
            return
        ready = self._ready
        if ready is None or ready.like != (output.device, output.dtype):
            ready = self._ready = self._made_ready(output.device, output.dtype)
        inputs = arguments[0]
        if inputs.dtype != output.dtype:
            inputs = inputs.to(output.dtype)
        number = 0 if ready.pair is None else ready.pair[1].shape[0]
        if ready.gains is not None:
            # First, because a gain works on the layer's own output.
            stop = number + len(ready.gains)
            add_gains(output, ready.gains, ready.strengths[number:stop], module.bias)
            number = stop
        if ready.pair is not None:
            down, up = ready.pair
            inner = torch.mm(inputs.reshape(-1, down.shape[0]), down)
            if self._only is None:
                inner.mul_(ready.strengths[: up.shape[0]])
            output.view(-1, up.shape[1]).addmm_(inner, up, alpha=self._strength_of_only())
        for index, term in enumerate(ready.others, number):
            add_term(output, inputs, term, ready.strengths[index : index + 1])

    def _strength_of_only(self) -> float:
        """Of the layer's only product; a number costs less than a product with the vector."""
        if self._only is None or self._strengths is None:
            return 1.0
        term = self._only.term
        assert isinstance(term, LowRank | Hadamard)
        return self._strengths.of(self._only.lora) * term.scale

    # What inference mode makes could be used nowhere else, and the terms outlive one forward pass.
    @torch.inference_mode(False)
    @torch.no_grad()
    def _made_ready(self, device: torch.device, dtype: torch.dtype) -> _Ready:
        assert self._strengths is not None
        wanted = [share.term for share in self._shares]
        gains = [(term.factor() - 1).to(device, dtype) for term in wanted if isinstance(term, Gain)]
        terms = [_moved(term, device, dtype) for term in wanted if not isinstance(term, Gain)]
        pairs = [term for term in terms if isinstance(term, LowRank)]
        return _Ready(
            (device, dtype),
            self._strengths.on(device)[self._slice],
            _concatenated(pairs),
            torch.stack(gains) if gains else None,
            [term for term in terms if not isinstance(term, LowRank)],
        )


def add_gains(output: Tensor, gains: Tensor, strengths: Tensor, bias: Any) -> None:
    """output += (output - bias) · Σ strengthᵢ · gainsᵢ"""
    factor = (gains * strengths[:, None]).sum(0).to(output.dtype)
    own = output if bias is None else output - bias
    output.add_(own * factor)


def add_term(output: Tensor, inputs: Tensor, term: Added, strength: Tensor) -> None:
    """Add one term at a strength ([1], fp32) into `output`."""
    if isinstance(term, Shift):
        added = term.offset.clone()
    elif isinstance(term, Dense):
        added = linear(inputs, term.change)
    elif isinstance(term, Hadamard):
        added = linear(inputs, term.change())
    else:
        assert isinstance(term, Kronecker)
        added = _through_kronecker(inputs, term)
    output.add_(added.mul_(strength))


def _ranks(term: Term) -> int:
    """How many ranks the term has in the layer's one pair of factors; 0: it is not in there."""
    if isinstance(term, LowRank) or (isinstance(term, Hadamard) and term.rank <= MOST_EXPANDED):
        return term.rank
    return 0


def _order(term: Term) -> int:
    return 0 if _ranks(term) else 1 if isinstance(term, Gain) else 2


def _concatenated(pairs: Sequence[LowRank]) -> tuple[Tensor, Tensor] | None:
    """(down [in, ranks], up [ranks, out]); a single pair without a copy."""
    if len(pairs) < 2:
        return (pairs[0].down.t(), pairs[0].up.t()) if pairs else None
    down = torch.cat([pair.down for pair in pairs])
    return down.t(), torch.cat([pair.up for pair in pairs], dim=1).t()


def _through_kronecker(inputs: Tensor, term: Kronecker) -> Tensor:
    """x (w1 ⊗ w2)ᵀ without the product: w1 and w2 each act on one axis of the folded input."""
    columns = term.w1[-1].shape[1], term.w2[-1].shape[1]
    folded = inputs.reshape(*inputs.shape[:-1], *columns)
    for factor in reversed(term.w2):
        folded = linear(folded, factor)
    folded = folded.transpose(-1, -2)
    for factor in reversed(term.w1):
        folded = linear(folded, factor)
    return folded.transpose(-1, -2).flatten(-2).mul(term.scale)


def _tensors(term: Added) -> tuple[Tensor, ...]:
    if isinstance(term, Kronecker):
        return (*term.w1, *term.w2)
    if isinstance(term, LowRank):
        return term.down, term.up
    if isinstance(term, Hadamard):
        return *term.first, *term.second
    return (term.offset,) if isinstance(term, Shift) else (term.change,)


def _moved(term: Added, device: torch.device, dtype: torch.dtype) -> Added:
    """The term on a device; without a copy where it is there in that dtype."""
    if isinstance(term, Hadamard):
        expand = _ranks(term) > 0
        # Expanded from what the file holds, then rounded once.
        kind = None if expand else dtype
        first, second = (
            (a.to(device=device, dtype=kind), b.to(device=device, dtype=kind))
            for a, b in (term.first, term.second)
        )
        term = Hadamard(first, second, term.scale)
        if not expand:
            return term
        term = term.expanded()
    if isinstance(term, LowRank):
        up = term.up
        if term.factor is not None:
            up = up.float() * term.factor().to(up.device)[:, None]
        return LowRank(term.down.to(device, dtype), up.to(device, dtype), term.scale)
    if isinstance(term, Kronecker):
        w1 = tuple(factor.to(device, dtype) for factor in term.w1)
        return Kronecker(w1, tuple(factor.to(device, dtype) for factor in term.w2), term.scale)
    if isinstance(term, Shift):
        offset = term.offset.flatten().to(device, torch.float32) * term.scale
        return Shift(offset.to(dtype))
    return Dense(term.change.to(device, dtype))
