"""What wrappers cost by time and state, as a ratio to the optimizer that they are around.

    pip install pytorch-optimizer   # optional: a peer
    python tests/benchmarks/wrappers.py

1. Lookahead(k=5) around fused AdamW, against fused AdamW alone: the mean of five updates, one of which moves the slow
   weights.
2. Lazy on an embedding of 21,128 x 768 of which each batch looks up 512 rows, against fused AdamW with dense gradients
   and against `torch.optim.SparseAdam`: the update alone, then with the forward and the backward pass of the embedding.
   The rows are other ones each time, or always the same; early in a training, when few clocks are among them, or late,
   when each row has been seen its own number of times. At last what it takes to fetch and to store three such tables'
   rows and nothing else, by the operations that Lazy uses.

Two contenders make their updates in turn; ratios are medians. `others` is the share of the machine that other processes
took meanwhile.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from optimizers import SETS, Make, rows
from pairs import compare
from torch import nn
from torch.optim import AdamW, Optimizer, SparseAdam

from dougong_plugins.wrapper.lazy import Lazy
from dougong_plugins.wrapper.lookahead import Lookahead
from dougong_plugins.wrapper.rows.moving import put, take

TABLE, WIDTH, SEEN, WARM = 21128, 768, 512, 60
# Mode, whether gradients are sparse, whether late in a training; the first three also with the same rows each time.
CONTENDERS = [
    ("rows", True, False),
    ("rows", True, True),
    ("rows", False, False),
    ("mask", True, False),
    ("mask", False, False),
]


class Embedding:
    """An embedding and its optimizer, with a batch after the other."""

    def __init__(self, make: Callable[[nn.Embedding], Optimizer], sparse: bool, same: bool = False) -> None:
        torch.manual_seed(0)
        self.same = torch.randperm(TABLE)[:SEEN] if same else None
        self.table = nn.Embedding(TABLE, WIDTH, sparse=sparse)
        self.optimizer = make(self.table)
        self.chance = torch.Generator().manual_seed(1)
        self.gradient = torch.randn(SEEN, WIDTH)
        for _ in range(WARM):  # rows have then been seen different numbers of times
            self.whole()

    def _backward(self, tokens: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        self.table(tokens).backward(self.gradient)

    def _tokens(self) -> torch.Tensor:
        return torch.randperm(TABLE, generator=self.chance)[:SEEN] if self.same is None else self.same

    def age(self) -> None:
        """Make it late in a training of Lazy's."""
        self.optimizer.state[self.table.weight]["step"].random_(1, 1000)

    def step(self) -> float:
        """Seconds of an update."""
        self._backward(self._tokens())
        start = time.perf_counter()
        self.optimizer.step()
        return time.perf_counter() - start

    def whole(self) -> float:
        """Seconds of a forward and a backward pass, and an update."""
        tokens = self._tokens()
        start = time.perf_counter()
        self._backward(tokens)
        self.optimizer.step()
        return time.perf_counter() - start


class Moving:
    """Rows of three tables that are fetched and stored."""

    def __init__(self) -> None:
        self.tables = [torch.zeros(TABLE, WIDTH) for _ in range(3)]
        self.rooms = [torch.zeros(SEEN, WIDTH) for _ in self.tables]

    def step(self) -> float:
        """Seconds of a batch."""
        rows = torch.randperm(TABLE)[:SEEN]
        start = time.perf_counter()
        for table, room in zip(self.tables, self.rooms, strict=True):
            take(table, rows, room)
        for table, room in zip(self.tables, self.rooms, strict=True):
            put(table, rows, room)
        return time.perf_counter() - start


def lazy(mode: Any) -> Callable[[nn.Embedding], Optimizer]:
    """Around fused AdamW."""
    return lambda table: Lazy(mode).wrap(AdamW(table.parameters(), fused=True), table)


def lookahead() -> dict[str, Make]:
    """Ours, and a peer's if it is installed."""
    found: dict[str, Make] = {
        "Lookahead(fused AdamW), k=5": lambda params: Lookahead(k=5).wrap(AdamW(params, fused=True))
    }
    try:
        import pytorch_optimizer
    except ImportError:
        print("pytorch-optimizer is not installed: without its Lookahead.")
    else:
        found["pytorch-optimizer's"] = lambda params: pytorch_optimizer.Lookahead(AdamW(params, fused=True), k=5)
    return found


def compare_lazy() -> None:
    """Print the table of lazy updates."""
    dense = Embedding(lambda table: AdamW(table.parameters(), fused=True), sparse=False)
    print(f"\n| {TABLE:,} x {WIDTH}, {SEEN} rows seen | ms | / dense | / SparseAdam | with passes / dense | others |")
    print("|---|---:|---:|---:|---:|---:|")
    for same in (False, True):
        adam = Embedding(lambda table: SparseAdam(table.parameters()), sparse=True, same=same)
        for mode, sparse, late in CONTENDERS[: 3 if same else None]:
            ours = Embedding(lazy(mode), sparse, same)
            if late:
                ours.age()
            found = [compare(dense.step, ours.step), compare(adam.step, ours.step), compare(dense.whole, ours.whole)]
            ratios = " | ".join(f"{item.ratio:.3f}" for item in found)
            name = f"{mode}, {'sparse' if sparse else 'dense'} gradients{', late' * late}{', the same rows' * same}"
            others = max(item.others for item in found)
            print(f"| {name} | {found[0].milliseconds:.2f} | {ratios} | {others:.0%} |", flush=True)
    moved = compare(dense.step, Moving().step)
    print(
        f"| rows fetched and stored, no more | {moved.milliseconds:.2f} | {moved.ratio:.3f} | | | {moved.others:.0%} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("lookahead", "lazy"))
    chosen = parser.parse_args(arguments)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    if chosen.only != "lazy":
        for which in SETS:
            for row in rows(lookahead(), which, "cpu", updates=5):
                print(row, flush=True)
    if chosen.only != "lookahead":
        compare_lazy()


if __name__ == "__main__":
    main()
