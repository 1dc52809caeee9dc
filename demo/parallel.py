"""Two or more processes that train one model together by averaging their gradients."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing
from torch.multiprocessing.spawn import spawn


def run_workers(function: Callable[..., None], workers: int, *arguments: Any) -> None:
    """Call `function(rank, *arguments)` in `workers` processes of one thread each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start: Callable[..., None] = spawn
    start(_start, (function, workers, port, arguments), nprocs=workers)


def _start(
    rank: int, function: Callable[..., None], workers: int, port: int, arguments: tuple[Any, ...]
) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=workers)
    try:
        function(rank, *arguments)
    finally:
        distributed.destroy_process_group()


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over all workers, in one exchange."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    offset = 0
    for gradient in gradients:
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
        offset += gradient.numel()


def run_together(*calls: tuple[Callable[..., Any], tuple[Any, ...]]) -> None:
    """Run each (function, arguments) in a process of one thread, all at once."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_alone, args=call) for call in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if failed := [process.exitcode for process in processes if process.exitcode]:
        raise RuntimeError(
            f"{len(failed)} of {len(calls)} parallel parts failed; see the output above"
        )


def _alone(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    function(*arguments)
