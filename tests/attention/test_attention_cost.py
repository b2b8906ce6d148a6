"""Memory grows as the length."""

import statistics
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import torch
from attention_reference import projected
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dougong_plugins.attention.kernels import blocked
from dougong_plugins.attention.kernels.pattern import Pattern


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the storages that operators make and that still live, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        known = {leaf.untyped_storage().data_ptr() for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)}
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if not torch.is_tensor(leaf):
                continue
            storage = leaf.untyped_storage()
            if storage.data_ptr() not in known and storage.data_ptr() not in self.storages:
                self.storages[storage.data_ptr()] = storage.nbytes()
                weakref.finalize(storage, self.storages.pop, storage.data_ptr(), None)
        self.most = max(self.most, sum(self.storages.values()))
        return result


def most_bytes(pattern: Pattern, length: int, padded: bool) -> int:
    """The most that a forward and a backward pass hold at a time, beside the inputs."""
    query, key, value, grad = (tensor.transpose(1, 2) for tensor in projected((1, 2, length, 16), 0, torch.float32))
    mask = torch.arange(length)[None] >= length - 5 if padded else None
    with LiveBytes() as live:
        job = blocked.job(pattern, query, False, 0.0, 0, mask)
        output, lse = blocked.attend(job, query, key, value, 0.25)
        blocked.gradients(job, grad, query, key, value, output, lse, 0.25)
    return live.most


@pytest.mark.parametrize("pattern", [Pattern(32), Pattern(32, 64), Pattern(0, 0)], ids=str)
@pytest.mark.parametrize("padded", [False, True])
def test_memory_is_linear_in_the_length_forward_and_backward(pattern: Pattern, padded: bool) -> None:
    with mock.patch.object(blocked, "NUMBERS_A_THREAD", 8192):  # so that the longer one is not just cut into more tiles
        small, large = (most_bytes(pattern, length, padded) for length in (4096, 16384))
    inputs = 4 * 16384 * 2 * 16 * 4
    assert large < 4.2 * small
    assert large < 3 * inputs


MEASURE = """
import sys, torch
from pathlib import Path
from dougong_plugins.attention.local import LocalAttention

def peak_kibibytes():  # getrusage would count the parent's memory as well
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

length, attention = int(sys.argv[1]), LocalAttention(64)
query, key, value = (torch.randn(1, 4, length, 64, requires_grad=True) for _ in range(3))
attention(*(tensor[:, :, :4096] for tensor in (query, key, value))).sum().backward()
before = peak_kibibytes()
attention(query, key, value).sum().backward()
print(peak_kibibytes() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
def test_the_process_grows_by_no_more_than_a_multiple_of_the_inputs() -> None:
    run = subprocess.run([sys.executable, "-c", MEASURE, "32768"], capture_output=True, text=True, check=True)
    inputs = 3 * 32768 * 4 * 64 * 4
    assert inputs / 2 < int(run.stdout) * 1024 < 3 * inputs


def median_time(attend: Callable[..., torch.Tensor], length: int) -> float:
    *inputs, grad = projected((1, 4, length, 64), 0, torch.float32)
    leaves = [tensor.requires_grad_() for tensor in inputs]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        torch.autograd.grad(attend(*leaves), leaves, grad)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])
