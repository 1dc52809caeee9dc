"""Runtime mode: weights stay as they are, the changes are added to the layers' outputs.

The low-rank factors of all LoRAs on a layer are concatenated by rank, so that a layer pays one
extra pair of products whatever the number of LoRAs, added in place into its output. Strengths
are one vector over all ranks of the transformer: to change them is to write that vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from wan_lora_studio.errors import UnsupportedLoRAError
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.custody import Hooked, custody_of
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.merge import MergedExpert
from wan_lora_studio.wan.adapters.plan import Effect, Plan
from wan_lora_studio.wan.adapters.side_layer import BesideLayer, Share, Strengths


class Residency:
    """At most one transformer's factors are on the accelerator: those of the one that samples."""

    def __init__(self) -> None:
        self._resident: RuntimeExpert | None = None

    def enter(self, expert: RuntimeExpert) -> None:
        """Called before each forward pass of `expert`."""
        if self._resident is expert:
            return
        if self._resident is not None:
            self._resident.leave()
        self._resident = expert


class RuntimeExpert(Hooked):
    """The changes beside one transformer's linear layers.

    Parameters of other layers (norms, the patch embedding, modulation tables) are few and small;
    they are merged. Hooks are the only trace on the modules.
    """

    def __init__(self, layout: Layout, merged: MergedExpert, residency: Residency) -> None:
        self._layout = layout
        self._residency = residency
        self._merged = merged
        self._layers: dict[str, BesideLayer] = {}
        self._handles: list[Any] = []
        self._strengths: tuple[float, ...] = ()
        self._vector = Strengths((), ())

    def bring(self, plan: Plan, strengths: Sequence[float]) -> None:
        """Bring the layers to this plan at these strengths (one per LoRA of the stack).

        On any failure everything is as it was. Raises UnsupportedLoRAError for a change that
        needs the values of a quantised weight.
        """
        beside, merged = self._split(plan)
        layers = {
            path: self._layer(path, effects, tuple(sources))
            for path, (effects, sources) in beside.items()
        }
        self._merged.bring(merged, strengths)
        self._drop_hooks()
        self._layers = layers
        self._arrange(strengths)
        hooked = custody_of(self._layout.model).hooked
        if layers:
            model = self._layout.model
            hooked.append(model)
            self._handles.append(model.register_forward_pre_hook(self._entered))
        for layer in layers.values():
            hooked += layer.modules
            for module in layer.modules:
                self._handles.append(module.register_forward_hook(layer.after))

    def set_strengths(self, strengths: Sequence[float]) -> None:
        """The same changes at other strengths."""
        if tuple(strengths) == self._strengths:
            return
        self._merged.set_strengths(strengths)
        self._write(strengths)

    def restore(self) -> None:
        """Take everything off; bit-identical."""
        self._drop_hooks()
        self._layers = {}
        self._merged.restore()

    def resident_bytes(self) -> int:
        return sum(layer.resident_bytes() for layer in self._layers.values())

    def require_possible(self, plan: Plan) -> None:
        """Raise UnsupportedLoRAError for a parameter that can neither be merged into nor be added
        to, as far as that shows without the values."""
        self._split(plan)

    def enter(self) -> None:
        """Have its factors be the ones on the accelerator."""
        self._residency.enter(self)

    def leave(self) -> None:
        """Let the accelerator's copies of the factors go."""
        for layer in self._layers.values():
            layer.leave()

    def _entered(self, model: nn.Module, arguments: Any) -> None:
        self.enter()

    def _drop_hooks(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _split(
        self, plan: Plan
    ) -> tuple[dict[str, tuple[list[tuple[str, Effect]], list[str]]], dict[str, Any]]:
        """Effects by linear layer (with parameter and sources), and what is to be merged.

        A parameter that several layers share is by itself.
        """
        beside: dict[str, tuple[list[tuple[str, Effect]], list[str]]] = {}
        merged: dict[str, Any] = {}
        for parameter, effects in plan.items():
            path = self._layout.linear(parameter)
            if path is None:
                self._require_mergeable(parameter)
                merged[parameter] = effects
            else:
                shared = len(self._layout.holders(parameter)) > 1
                found, sources = beside.setdefault(parameter if shared else path, ([], []))
                found += [(parameter, effect) for effect in effects]
                sources += [f"{parameter}|{effect.source}" for effect in effects]
        return beside, merged

    def _layer(
        self, path: str, effects: Sequence[tuple[str, Effect]], sources: tuple[str, ...]
    ) -> BesideLayer:
        """The layer's changes; those of the present layer where the files are the same."""
        present = self._layers.get(path)
        if present is not None and present.sources == sources:
            owners = [effect.lora for _, effect in effects]
            return present.with_owners(owners)
        shares = [
            Share(number, effect.lora, term)
            for number, (parameter, effect) in enumerate(effects)
            for term in effect.delta.terms(partial(self._base, parameter))
        ]
        return BesideLayer(self._layout.holders(effects[0][0]), sources, shares)

    def _require_mergeable(self, parameter: str) -> None:
        if kind := self._layout.homes[parameter].kind:
            raise UnsupportedLoRAError(
                say("wan.adapters.not_changeable", weight=parameter, kind=kind),
                suggestions=[say("wan.adapters.use_bf16")],
                context={"parameter": parameter},
            )

    def _base(self, parameter: str) -> Tensor:
        """A weight's own values."""
        home = self._layout.homes[parameter]
        if kind := home.kind:
            raise UnsupportedLoRAError(
                say("wan.adapters.dora_not_exact", weight=parameter, kind=kind),
                suggestions=[say("wan.adapters.use_bf16")],
                context={"parameter": parameter},
            )
        return home.value

    def _arrange(self, strengths: Sequence[float]) -> None:
        """Lay all layers' strengths out in one vector."""
        owners: list[int] = []
        scales: list[float] = []
        parts = []
        for layer in self._layers.values():
            start = len(owners)
            for owner, scale, count in layer.slots():
                owners += [owner] * count
                scales += [scale] * count
            parts.append((layer, start, len(owners)))
        self._vector = Strengths(owners, scales)
        for layer, start, stop in parts:
            layer.use(self._vector, start, stop)
        self._write(strengths)

    def _write(self, strengths: Sequence[float]) -> None:
        self._strengths = tuple(strengths)
        self._vector.write(self._strengths)
