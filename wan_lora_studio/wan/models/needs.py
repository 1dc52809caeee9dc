"""Needs: what a run holds on the GPU and on the host, by where the model's weights wait.

No torch here. All numbers are bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from wan_lora_studio.wan.components import DECODER, ENCODERS, TRANSFORMERS
from wan_lora_studio.wan.models.host_memory import HostMemory

# What waits on the host until it is used: nothing; the encoders of text and picture; every part;
# all but the blocks that compute. From the fastest to the one that needs least of the GPU.
Offload = Literal["none", "encoder", "model", "group"]
ORDER: tuple[Offload, ...] = ("none", "encoder", "model", "group")
# Of these ways, those in which a part may be read from the disk each time that it is called.
ON_CALL: frozenset[Offload] = frozenset({"model", "group"})


@dataclass(frozen=True)
class Decoding:
    """How the frames are decoded: `alone`, while the other parts are off the GPU; `tiled`."""

    alone: bool = False
    tiled: bool = False


@dataclass(frozen=True)
class Needs:
    """What a run takes, whatever is done about it.

    `weights` by component; `streamed`, what of a component is on the GPU at once where it is
    brought there in pieces; `loras`, what they add beside the weights; `sampling`, `decoding` and
    `decoding_in_tiles`, what is computed at these stages. Both are equal where no tiles can be.
    `on_call` are the components that are there only while they are used, one at a time.
    """

    weights: Mapping[str, int]
    streamed: Mapping[str, int]
    loras: int = 0
    sampling: int = 0
    decoding: int = 0
    decoding_in_tiles: int = 0
    on_call: tuple[str, ...] = ()

    def on_gpu(self, offload: Offload, decoding: Decoding) -> int:
        """The most that is there at once."""
        return max(self.while_sampling(offload), self.while_decoding(offload, decoding))

    def while_sampling(self, offload: Offload) -> int:
        """The most from the prompt to the last step."""
        whole, pieces = self.weights, self.streamed
        if offload == "none":
            passing = {name: whole[name] for name in self.on_call}
            stays = sum(whole.values()) - sum(passing.values())
            expert = _largest(passing, TRANSFORMERS) + self.loras + self.sampling
            return stays + max(_largest(passing, ENCODERS), expert)
        if offload == "model":
            expert = _largest(whole, TRANSFORMERS) + self.loras + self.sampling
            return max(_largest(whole, ENCODERS), expert)
        if offload == "encoder":
            stays = sum(size for name, size in whole.items() if name not in ENCODERS)
            return stays + self.loras + max(_largest(pieces, ENCODERS), self.sampling)
        expert = _largest(pieces, TRANSFORMERS) + self.loras + self.sampling
        return max(_largest(pieces, ENCODERS), expert)

    def while_decoding(self, offload: Offload, how: Decoding) -> int:
        """The most while the frames are decoded."""
        idle = 0 if how.alone else self.idle(offload)
        idle += self.loras if idle else 0
        computed = self.decoding_in_tiles if how.tiled else self.decoding
        decoder = self.streamed if offload == "group" else self.weights
        return idle + decoder.get(DECODER, 0) + computed

    def idle(self, offload: Offload) -> int:
        """What stays on the GPU of parts that decoding doesn't use."""
        names = (name for name in idle_parts(offload) if name not in self.on_call)
        return sum(self.weights.get(name, 0) for name in names)

    def on_host(self, offload: Offload, memory: int) -> int:
        """The most weights in the computer's own memory, of which it has `memory`: those that
        wait there, and what is read there on its way to the GPU, one part after the other.

        Copies that the GPU can read directly, and those of weights that a merge changes, are made
        only where there is room for them too, and so are none of it.
        """
        if offload in ON_CALL:
            return HostMemory(self.weights, memory).most
        waiting = 0
        if offload == "encoder":
            waiting = sum(self.weights.get(name, 0) for name in ENCODERS)
        passing = (size for name, size in self.weights.items() if name not in ENCODERS)
        return max(waiting, *passing, _largest(self.weights, ENCODERS), 0)

    def weights_on_gpu(self, offload: Offload) -> int:
        """Weights that must be there at once; known exactly, where all else is an estimate."""
        bare = dataclasses.replace(self, loras=0, sampling=0, decoding=0, decoding_in_tiles=0)
        return bare.on_gpu(offload, Decoding(alone=True))


def idle_parts(offload: Offload) -> tuple[str, ...]:
    """What stays on the GPU of the components that decoding doesn't use."""
    return {"none": TRANSFORMERS + ENCODERS, "encoder": TRANSFORMERS}.get(offload, ())


def _largest(sizes: Mapping[str, int], names: Iterable[str]) -> int:
    return max((sizes.get(name, 0) for name in names), default=0)
