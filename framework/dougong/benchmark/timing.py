"""How long passes take: contenders take turns, and what other processes did meanwhile is told."""

# Shapes: B batch, H heads, N length, D head dimension.

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
Pass = Callable[[], float]
"""Runs once, and answers with the milliseconds that it took."""

DISTURBED = 0.05
"""The share of the machine that others may take before a window counts as disturbed."""


def projected(
    batch: int, heads: int, length: int, head_dim: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> list[Tensor]:
    """Query, key, value and an output gradient, (B, H, N, D), as a projection gives them: transposed views."""
    shape = (batch, length, heads, head_dim)
    return [torch.randn(shape, dtype=dtype, device=device).transpose(1, 2) for _ in range(4)]


def forward(attend: Attend, tensors: Sequence[Tensor]) -> float:
    """Milliseconds of a forward pass that keeps nothing for a backward one."""
    query, key, value = (tensor.detach() for tensor in tensors[:3])
    start = _now(query)
    with torch.no_grad():
        output = attend(query, key, value)
    elapsed = _now(query) - start
    del output
    return elapsed * 1000


def forward_backward(attend: Attend, tensors: Sequence[Tensor]) -> float:
    """Milliseconds of a forward and a backward pass."""
    leaves = [tensor.detach().requires_grad_() for tensor in tensors[:3]]
    start = _now(leaves[0])
    gradients = torch.autograd.grad(attend(*leaves), leaves, tensors[3])
    elapsed = _now(leaves[0]) - start
    del gradients
    return elapsed * 1000


def _now(tensor: Tensor) -> float:
    """Seconds, once the device has done what it was given."""
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
    return time.perf_counter()


@dataclass
class Window:
    """Passes measured in a row, in milliseconds, and what share of the machine other processes took meanwhile."""

    passes: list[float]
    others: float


def take_turns(passes: Mapping[str, Pass], wanted: int, seconds: float = 0.25, wait: float = 0.0) -> dict[str, Window]:
    """For each contender, the passes of its `wanted` least disturbed windows, as one window.

    Args:
        seconds: how long a window lasts; one pass at least.
        wait: while fewer than `wanted` windows were undisturbed, measure more, for that many seconds.
    """
    for run in passes.values():
        run()
    windows: dict[str, list[Window]] = {name: [] for name in passes}
    allowed = DISTURBED + max(0.0, 1 - torch.get_num_threads() / _cores())  # what we leave free is theirs
    start = time.perf_counter()
    while missing := [name for name in passes if sum(w.others <= allowed for w in windows[name]) < wanted]:
        if time.perf_counter() - start >= wait and all(len(found) >= wanted for found in windows.values()):
            break
        for name in missing:
            windows[name].append(_window(passes[name], seconds))
    return {name: _merge(sorted(found, key=lambda w: w.others)[:wanted]) for name, found in windows.items()}


def _merge(windows: Sequence[Window]) -> Window:
    return Window([taken for window in windows for taken in window.passes], max(window.others for window in windows))


def _window(run: Pass, seconds: float) -> Window:
    """As many passes as fit into `seconds`, at least one."""
    busy, own, start = _busy_seconds(), time.process_time(), time.perf_counter()
    passes: list[float] = []
    while time.perf_counter() - start < seconds:
        passes.append(run())
    elapsed = time.perf_counter() - start
    others = _busy_seconds() - busy - (time.process_time() - own)
    return Window(passes, max(0.0, others) / elapsed / _cores())


def _cores() -> int:
    return os.cpu_count() or 1


def _busy_seconds() -> float:
    """Processor seconds that all processes took since the machine started; this process's own where Linux is not."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return time.process_time()
    user, nice, system, _idle, _wait, interrupt, soft_interrupt, steal, *_ = map(int, first.split()[1:])
    return (user + nice + system + interrupt + soft_interrupt + steal) / os.sysconf("SC_CLK_TCK")
