"""One attention at one length, for the first time: what a pass takes, and how much memory."""

import gc
from typing import Any

import torch
from torch import Tensor, nn

from dougong.benchmark import memory
from dougong.benchmark.budget import Cost
from dougong.benchmark.settings import AttentionSettings, Contender
from dougong.benchmark.timing import Attend, forward, forward_backward, projected
from dougong.training.assemble import Assembly

WARM_UP = 256
"""The length at which code is loaded and threads are started, so that neither counts."""


def make(contender: Contender, settings: AttentionSettings, device: str) -> nn.Module:
    """The attention itself."""
    node = {"name": contender.name, **contender.settings}
    config: dict[str, Any] = {"attention": {contender.name: node}, "plugin_path": list(settings.plugin_path)}
    module: nn.Module = Assembly(config).make_all("attention")[0]
    return module.to(device=device, dtype=getattr(torch, settings.dtype))


def attend(module: nn.Module, causal: bool) -> Attend:
    """The attention as a function of query, key and value."""

    def call(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output: Tensor = module(query, key, value, causal=causal)
        if output.shape != query.shape:
            raise ValueError(f"answers with another shape than its query's: {tuple(output.shape)}")
        return output

    return call


def inputs(settings: AttentionSettings, length: int, device: str) -> list[Tensor]:
    """Query, key, value and an output gradient."""
    return projected(settings.batch, settings.heads, length, settings.head_dim, getattr(torch, settings.dtype), device)


def input_bytes(settings: AttentionSettings, length: int) -> int:
    """How much memory those take."""
    size = torch.empty((), dtype=getattr(torch, settings.dtype)).element_size()
    return 4 * size * settings.batch * settings.heads * length * settings.head_dim


def attempt(contender: Contender, settings: AttentionSettings, length: int, device: str, limit: float | None) -> Cost:
    """What one pass costs. On a CPU it is to run in a process of its own, which ends where it takes more than `limit`.

    Args:
        limit: bytes beside the inputs; None for no bound.
    """
    module = make(contender, settings, device)
    run = attend(module, settings.causal)
    short = inputs(settings, min(length, WARM_UP), device)
    forward_backward(run, short)
    forward(run, short)
    tensors = inputs(settings, length, device)
    gc.collect()
    if limit is not None and device == "cpu" and memory.READABLE:
        memory.die_beyond(int(limit))
    both: list[float] = []
    grown = _grown(lambda: both.append(forward_backward(run, tensors)), device)
    return Cost(forward(run, tensors) / 1000, both[0] / 1000, grown)


def _grown(run: Any, device: str) -> float | None:
    """The bytes that a pass takes at its peak."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return float(torch.cuda.max_memory_allocated() - before)
    if memory.READABLE:
        return float(memory.growth_of(run))
    run()
    return None
