"""Out of memory: whether a failure means that memory ran out."""

from __future__ import annotations

import psutil
import torch

from wan_lora_studio.errors import links

CUDA_OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation
FULL_BELOW = 256 << 20  # bytes left; less than one more tensor of a run


def is_out_of_memory(error: BaseException, *, tight: bool = False) -> bool:
    """Whether a failure means that memory ran out, told by types, codes and what is left.

    Libraries wrap it into errors of their own, so that what led to the failure counts too.

    torch raises a plain RuntimeError where the host's or a library's allocation fails; it is
    taken for one if hardly any memory is left, or if the run was foreseen not to fit (`tight`).
    """
    return any(_says_memory(link, tight=tight) for link in (error, *links(error)))


def _says_memory(error: BaseException, *, tight: bool) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, torch.AcceleratorError):
        return getattr(error, "error_code", None) == CUDA_OUT_OF_MEMORY
    return type(error) is RuntimeError and (tight or _memory_is_full())


def _memory_is_full() -> bool:
    free = [int(psutil.virtual_memory().available)]
    if torch.cuda.is_available():
        free.append(int(torch.cuda.mem_get_info()[0]))
    return min(free) < FULL_BELOW
