"""Time and memory of the attention plugins on CPU, against dense attention and the `local-attention` package.

    python tests/benchmarks/attention.py                 # the tables of docs/benchmarks/attention.md
    python tests/benchmarks/attention.py --lengths 512 4096 --windows 3 --no-memory

`dougong benchmark attention` measures the plugins alone, with the same code; this adds the peers.

Batch 1, 4 heads, head dimension 64, float32, forward and backward, not causal. Figures are medians over windows of a
quarter of a second or one pass; the contenders take turns. A window in which other processes took more than a twentieth
of the machine, beside the cores we leave free, is measured again while the budget lasts; the last column says how much
they took in the windows used. On a machine that is never idle, `--threads 1` still gives figures of worth.
Peak memory is what the process grows by in one forward and backward pass, inputs aside, each in a process of its own,
after one pass at length 1,024. Both are read from /proc, so on Linux only. Ours get their inputs as a projection gives
them, transposed views; the others get contiguous ones, which suit them better.
"""

# Shapes: B batch, H heads, N length, D head dimension.

import argparse
import gc
import statistics
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from dougong.benchmark import apart
from dougong.benchmark.memory import growth_of
from dougong.benchmark.results import exponent
from dougong.benchmark.timing import Attend, Window, forward_backward, projected, take_turns
from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.kernels.pattern import nearest_root
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention

try:
    import local_attention
except ImportError:  # the comparison is then left out
    local_attention = None

HEADS, HEAD_DIM = 4, 64

WARM_UP = 1024
"""Length of the pass before memory is measured: the product library takes about 45 MiB for itself, once."""


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
    tensors = projected(1, HEADS, length, HEAD_DIM)
    if name in ("dense", "local-attention package"):
        tensors = [tensor.contiguous() for tensor in tensors]
    return tensors


def times(attends: dict[str, Attend], length: int, wanted: int, budget: float) -> dict[str, Window]:
    """For each contender, the passes of its `wanted` least disturbed windows."""
    passes = {name: partial(forward_backward, attend, inputs(name, length)) for name, attend in attends.items()}
    return take_turns(passes, wanted, wait=budget)


def growth_in_bytes(name: str, length: int, threads: int) -> int:
    """The bytes by which this process grows in one pass."""
    torch.set_num_threads(threads)
    attend, tensors = contenders(length)[name], inputs(name, length)
    forward_backward(contenders(WARM_UP)[name], inputs(name, WARM_UP))
    gc.collect()
    return growth_of(lambda: forward_backward(attend, tensors))


def memory(name: str, length: int) -> float:
    """The same in mebibytes, in a new process."""
    return apart.call(growth_in_bytes, name, length, torch.get_num_threads()) / 2**20


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
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    apart.prepare(["torch", "dougong_plugins.attention.sparse"])
    if options.lengths:
        compare(options)
    if options.growth:
        growth(options)


if __name__ == "__main__":
    main()
