"""Time and memory of the attention plugins on CPU, against dense attention and the `local-attention` package.

    python tests/benchmarks/attention.py                 # the tables of docs/benchmarks/attention.md
    python tests/benchmarks/attention.py --lengths 512 4096 --windows 3 --no-memory

Batch 1, 4 heads, head dimension 64, float32, forward and backward, not causal. Figures are medians over windows of a
quarter of a second or one pass; the contenders take turns. A window in which other processes took more than a twentieth
of the machine, beside the cores we leave free, is measured again while the budget lasts; the last column says how much
they took in the windows used. On a machine that is never idle, `--threads 1` still gives figures of worth.
Peak memory is what the process grows by in one forward and backward pass, inputs aside, each in a process of its own.
Both are read from /proc, so on Linux only. Ours get their inputs as a projection gives them, transposed views; the
others get contiguous ones, which suit them better.
"""

# Shapes: B batch, H heads, N length, D head dimension.

import argparse
import gc
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
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


def growth_contenders() -> dict[str, Attend]:
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


@dataclass
class Window:
    """Passes measured in a row, in milliseconds, and what share of the machine other processes took meanwhile."""

    passes: list[float]
    others: float


def busy_seconds() -> float:
    """Processor seconds that all processes took since the machine started."""
    user, nice, system, _idle, _wait, interrupt, soft_interrupt, steal, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + interrupt + soft_interrupt + steal) / os.sysconf("SC_CLK_TCK")


def window(attend: Attend, tensors: list[Tensor], seconds: float = 0.25) -> Window:
    """As many passes as fit into `seconds`, at least one."""
    busy, own, start = busy_seconds(), time.process_time(), time.perf_counter()
    passes = []
    while time.perf_counter() - start < seconds:
        passes.append(once(attend, tensors))
    elapsed = time.perf_counter() - start
    others = busy_seconds() - busy - (time.process_time() - own)
    return Window(passes, max(0.0, others) / elapsed / (os.cpu_count() or 1))


def times(attends: dict[str, Attend], length: int, wanted: int, budget: float) -> dict[str, Window]:
    """For each contender, the passes of its `wanted` least disturbed windows."""
    given = {name: inputs(name, length) for name in attends}
    for name, attend in attends.items():
        once(attend, given[name])
    windows: dict[str, list[Window]] = {name: [] for name in attends}
    allowed = 0.05 + max(0.0, 1 - torch.get_num_threads() / (os.cpu_count() or 1))  # what we leave free is theirs
    start = time.perf_counter()
    while missing := [name for name in attends if sum(w.others < allowed for w in windows[name]) < wanted]:
        if time.perf_counter() - start > budget and all(len(found) >= wanted for found in windows.values()):
            break
        for name in missing:
            windows[name].append(window(attends[name], given[name]))
    best = {name: sorted(found, key=lambda w: w.others)[:wanted] for name, found in windows.items()}
    return {
        name: Window([taken for w in kept for taken in w.passes], max(w.others for w in kept))
        for name, kept in best.items()
    }


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


def compare(options: argparse.Namespace) -> None:
    print("| length | attention | ms | dense / this | peak extra MiB | others |\n|---:|---|---:|---:|---:|---:|")
    for length in options.lengths:
        measured = times(contenders(length), length, options.windows, options.budget)
        dense = statistics.median(measured["dense"].passes)
        for name, found in measured.items():
            taken = statistics.median(found.passes)
            extra = "" if options.no_memory else f"{memory(name, length):.0f}"
            row = f"| {length:,} | {name} | {taken:.1f} | {dense / taken:.2f} | {extra} | {found.others:.0%} |"
            print(row, flush=True)


def growth(options: argparse.Namespace) -> None:
    measured = [times(growth_contenders(), length, options.windows, options.budget) for length in options.growth]
    print("\n| attention | " + " | ".join(f"{length:,}" for length in options.growth) + " | exponent | others |")
    print("|---|" + "---:|" * (len(options.growth) + 2))
    for name in measured[0]:
        taken = [statistics.median(found[name].passes) for found in measured]
        others = max(found[name].others for found in measured)
        milliseconds = " | ".join(f"{value:.1f}" for value in taken)
        print(f"| {name} | {milliseconds} | {exponent(options.growth, taken):.2f} | {others:.0%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="*", default=[512, 1024, 4096, 16384])
    parser.add_argument("--growth", type=int, nargs="*", default=[2048, 4096, 8192, 16384])
    parser.add_argument("--windows", type=int, default=5, help="how many undisturbed windows to measure of each")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--budget", type=float, default=60, help="seconds to wait for those, for each length")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    if options.memory_of:
        print_memory(options.memory_of, options.lengths[0])
        return
    if options.lengths:
        compare(options)
    if options.growth:
        growth(options)


if __name__ == "__main__":
    main()
