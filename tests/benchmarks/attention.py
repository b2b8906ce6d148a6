"""Time and memory of the attention plugins on CPU, against dense attention and the `local-attention` package.

    python tests/benchmarks/attention.py                 # the tables of docs/benchmarks/attention.md
    python tests/benchmarks/attention.py --lengths 512 4096 --rounds 5 --no-memory

Batch 1, 4 heads, head dimension 64, float32, forward and backward, not causal. Each contender is timed once a round, in
turn, so that whatever else the machine does slows all of them; figures are medians over rounds. Peak memory is what the
process grows by in one forward and backward pass, inputs aside, each in a process of its own (Linux only). Ours get
their inputs as a projection gives them, transposed views; the others get contiguous ones, which suit them better.
"""

# Shapes: B batch, H heads, N length, D head dimension.

import argparse
import gc
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.kernels.pattern import nearest_root
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention

try:
    import local_attention
except ImportError:  # the comparison is then left out
    local_attention = None

HEADS, HEAD_DIM = 4, 64
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def contenders(length: int) -> dict[str, Attend]:
    """What is measured at a length; window and rate are the root of the length, unless a name says otherwise."""
    root = nearest_root(length)
    attends: dict[str, Attend] = {
        "dense": scaled_dot_product_attention,
        "local": LocalAttention(root),
        "atrous": AtrousAttention(root),
        "sparse": SparseAttention(root),
    }
    if root != 128:
        attends["local, window 128"] = LocalAttention(128)
    if local_attention is not None:
        attends["local-attention package"] = local_attention.LocalAttention(
            window_size=root, look_forward=1, autopad=True, exact_windowsize=True, use_rotary_pos_emb=False
        )
    return attends


def growth_contenders(length: int) -> dict[str, Attend]:
    """What the exponents are fitted to."""
    return {
        "dense": scaled_dot_product_attention,
        "local, window 128": LocalAttention(128),
        "sparse, rate sqrt": SparseAttention(),
        "atrous, rate sqrt": AtrousAttention(),
    }


def inputs(name: str, length: int) -> list[Tensor]:
    """Query, key, value and an output gradient, (B, H, N, D)."""
    tensors = [torch.randn(1, length, HEADS, HEAD_DIM).transpose(1, 2) for _ in range(4)]
    if name in ("dense", "local-attention package"):
        tensors = [tensor.contiguous() for tensor in tensors]
    return tensors


def once(attend: Attend, tensors: list[Tensor]) -> float:
    """Milliseconds of one forward and backward pass."""
    leaves = [tensor.requires_grad_() for tensor in tensors[:3]]
    start = time.perf_counter()
    gradients = torch.autograd.grad(attend(*leaves), leaves, tensors[3])
    elapsed = time.perf_counter() - start
    del gradients
    return elapsed * 1000


def times(attends: dict[str, Attend], length: int, rounds: int) -> dict[str, float]:
    """The median milliseconds of each contender."""
    given = {name: inputs(name, length) for name in attends}
    for name, attend in attends.items():
        once(attend, given[name])
    taken: dict[str, list[float]] = {name: [] for name in attends}
    for _ in range(rounds):
        for name, attend in attends.items():
            taken[name].append(once(attend, given[name]))
    return {name: statistics.median(values) for name, values in taken.items()}


def rounds_for(length: int, rounds: int) -> int:
    """Fewer rounds where each is long."""
    return max(3, rounds * 1024 // max(1024, length))


def print_memory(name: str, length: int) -> None:
    """The mebibytes by which this process grows in one pass."""
    attend, tensors = contenders(length)[name], inputs(name, length)
    once(contenders(256)[name], inputs(name, 256))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = peak_kibibytes()
    once(attend, tensors)
    print((peak_kibibytes() - before) / 1024)


def peak_kibibytes() -> int:
    """The most memory this process ever held. `getrusage` would count its parent's as well."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def memory(name: str, length: int) -> float:
    """`print_memory` in a new process."""
    command = [sys.executable, __file__, "--memory-of", name, "--lengths", str(length)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def exponent(lengths: list[int], taken: list[float]) -> float:
    """The slope of log time over log length, by least squares."""
    return statistics.linear_regression([math.log(n) for n in lengths], [math.log(t) for t in taken]).slope


def compare(lengths: list[int], rounds: int, with_memory: bool) -> None:
    print("| length | attention | ms | dense / this | peak extra MiB |\n|---:|---|---:|---:|---:|")
    for length in lengths:
        medians = times(contenders(length), length, rounds_for(length, rounds))
        for name, taken in medians.items():
            extra = f"{memory(name, length):.0f}" if with_memory else ""
            print(f"| {length:,} | {name} | {taken:.1f} | {medians['dense'] / taken:.2f} | {extra} |", flush=True)


def growth(lengths: list[int], rounds: int) -> None:
    measured = [times(growth_contenders(length), length, rounds_for(length, rounds)) for length in lengths]
    print("\n| attention | " + " | ".join(f"{length:,}" for length in lengths) + " | exponent |")
    print("|---|" + "---:|" * (len(lengths) + 1))
    for name in measured[0]:
        taken = [medians[name] for medians in measured]
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in taken) + f" | {exponent(lengths, taken):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 4096, 16384])
    parser.add_argument("--growth", type=int, nargs="*", default=[2048, 4096, 8192, 16384])
    parser.add_argument("--rounds", type=int, default=40, help="at 1,024 and below; fewer where a pass is longer")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.memory_of:
        print_memory(options.memory_of, options.lengths[0])
        return
    compare(options.lengths, options.rounds, not options.no_memory)
    if options.growth:
        growth(options.growth, options.rounds)


if __name__ == "__main__":
    main()
