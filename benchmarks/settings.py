"""How a run is done: the device, the sizes, and how often each thing is repeated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.files import VARIANTS, Variant
from benchmarks.models import A14B, A14B_ONE_STORAGE, A14B_WHOLE, NARROW, TINY, ModelShape

TWO_EXPERTS = 64 << 30  # bytes of two whole experts in bf16, with room for a forward pass


@dataclass(frozen=True)
class Settings:
    """`full`: its weights are merged, fused and sampled; `deep`: has all blocks of a real
    expert, and its weights are left alone; `narrow`: as many layers, so small that only the
    cost per layer remains. `slow_rounds` are for what takes many seconds. Latents are (frames,
    height, width); ranks and counts are of LoRAs; `variants` are those of the layout corpus.
    """

    device: torch.device
    full: ModelShape
    deep: ModelShape
    narrow: ModelShape
    latents: tuple[int, int, int]
    few_latents: tuple[int, int, int]
    ranks: tuple[int, ...]
    counts: tuple[int, ...]
    rounds: int
    slow_rounds: int
    threads: int
    variants: tuple[Variant, ...] = VARIANTS

    @property
    def stacks(self) -> list[tuple[int, tuple[int, ...]]]:
        """(rank, numbers of LoRAs): every number at the first rank, the least at the others."""
        others = [(rank, self.counts[:1]) for rank in self.ranks[1:]]
        return [(self.rank, self.counts), *others]

    @property
    def rank(self) -> int:
        """The rank where only one is measured."""
        return self.ranks[0]

    def synchronise(self) -> None:
        """Wait for the device's work; a CPU has none pending."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def quick() -> Settings:
    """Tiny models on the CPU: every step is taken, no number means anything."""
    cpu, few = torch.device("cpu"), (2, 4, 4)
    return Settings(cpu, TINY, TINY, TINY, few, few, (4,), (1, 2), 2, 2, 1, ("full", "pair"))


def thorough() -> Settings:
    """A14B's shapes: a whole expert where a GPU holds two of them, else 2 blocks."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    whole = (
        device.type == "cuda"
        and torch.cuda.get_device_properties(device).total_memory > TWO_EXPERTS
    )
    return Settings(
        device=device,
        full=A14B_WHOLE if whole else A14B,
        deep=A14B_ONE_STORAGE,
        narrow=NARROW,
        latents=(1, 60, 104),
        few_latents=(1, 4, 4),
        ranks=(32, 128),
        counts=(1, 2, 4),
        rounds=5,
        slow_rounds=3,
        threads=torch.get_num_threads(),
    )
