"""What an update costs by time and state, as a ratio to PyTorch's fused AdamW.

    pip install transformers pytorch-optimizer   # optional: peers
    python tests/benchmarks/optimizers.py

Each optimizer has the same parameters as a fused AdamW beside it, and the two make their updates in turn; the ratio is
the median over the turns. `bert` are the parameters of BERT-base (109 million), `small` are 4 million of the same
shapes. State is counted in bytes of all of its tensors, a parameter; `others` is the share of the machine that other
processes took meanwhile.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from pairs import compare
from torch import Tensor, nn
from torch.optim import Optimizer

Make = Callable[[Any], Optimizer]
WARM = 3


def shapes(vocabulary: int, width: int, layers: int, positions: int = 512) -> list[tuple[int, ...]]:
    """Those of an encoder like BERT's, with its pooler."""
    found: list[tuple[int, ...]] = [(vocabulary, width), (positions, width), (2, width), (width,), (width,)]
    for _ in range(layers):
        found += [(width, width), (width,)] * 4 + [(width,)] * 4
        found += [(4 * width, width), (4 * width,), (width, 4 * width), (width,)]
    return [*found, (width, width), (width,)]


SETS = {"bert": shapes(30522, 768, 12), "small": shapes(3000, 256, 4)}


class PublishedAdaX(Optimizer):
    """AdaX as it was published: the growing second moment, and an operation after the other on each tensor."""

    def __init__(self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 1e-4)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": 1e-12, "weight_decay": 0.01})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One update."""
        for group in self.param_groups:
            first, growth = group["betas"]
            for item in group["params"]:
                state = self.state[item]
                if not state:
                    state |= {"step": 0, "exp_avg": torch.zeros_like(item), "exp_avg_sq": torch.zeros_like(item)}
                state["step"] += 1
                state["exp_avg"].mul_(first).add_(item.grad, alpha=1 - first)
                state["exp_avg_sq"].mul_(1 + growth).addcmul_(item.grad, item.grad, value=growth)
                root = state["exp_avg_sq"].sqrt().add_(group["eps"])
                size = group["lr"] * ((1 + growth) ** state["step"] - 1) ** 0.5
                item.sub_(item * group["weight_decay"] * group["lr"])
                item.addcdiv_(state["exp_avg"], root, value=-size)


def ours() -> dict[str, Make]:
    """The plugins, by every way they compute."""
    from dougong_plugins.optimizer.adafactor import Adafactor
    from dougong_plugins.optimizer.adax import AdaX

    found: dict[str, Make] = {
        f"AdaX, {backend}": lambda params, backend=backend: AdaX(params, backend=backend)
        for backend in ("fused", "blocked", "foreach", "loop")
    }
    for backend in ("eager", "compile"):
        found[f"Adafactor, {backend}"] = lambda params, backend=backend: Adafactor(params, backend=backend)
    return found


def peers() -> dict[str, Make]:
    """Others' programs; those of packages that are not installed are named and left out."""
    found: dict[str, Make] = {
        "PyTorch's AdamW, foreach": lambda params: torch.optim.AdamW(params, foreach=True),
        "PyTorch's AdamW, loop": lambda params: torch.optim.AdamW(params, foreach=False),
        "PyTorch's Adafactor, foreach": lambda params: torch.optim.Adafactor(params, foreach=True),
        "AdaX as published": PublishedAdaX,
    }
    try:
        from transformers import Adafactor as TransformersAdafactor

        found["Transformers' Adafactor"] = lambda params: TransformersAdafactor(params)
    except ImportError:
        print("transformers is not installed: without its Adafactor.")
    try:
        import pytorch_optimizer

        found["pytorch-optimizer's Adafactor"] = lambda params: pytorch_optimizer.AdaFactor(params)
    except ImportError:
        print("pytorch-optimizer is not installed: without its Adafactor.")
    return found


def parameters(which: str, device: str) -> list[nn.Parameter]:
    """Of a size of about 0.02, with gradients."""
    torch.manual_seed(0)
    found = []
    for shape in SETS[which]:
        parameter = nn.Parameter(torch.randn(shape, device=device) * 0.02)
        parameter.grad = torch.randn(shape, device=device) * 1e-3
        found.append(parameter)
    return found


def seconds(optimizer: Optimizer, updates: int = 1) -> float:
    """Time of an update, the mean over some."""
    start = time.perf_counter()
    for _ in range(updates):
        optimizer.step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / updates


def state_bytes(optimizer: Optimizer) -> float:
    """A parameter; of an optimizer within another, too."""
    states = [*optimizer.state.values()]
    if isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
        states += inner.state.values()
    tensors: list[Tensor] = [value for state in states for value in state.values() if isinstance(value, Tensor)]
    count = sum(item.numel() for group in optimizer.param_groups for item in group["params"])
    return sum(tensor.numel() * tensor.itemsize for tensor in tensors) / count


def rows(makes: Mapping[str, Make], which: str, device: str, updates: int = 1) -> Iterator[str]:
    """A table of times, their ratio to fused AdamW's, and state.

    Args:
        updates: that are made in a turn, where not all cost the same.
    """
    millions = sum(torch.Size(shape).numel() for shape in SETS[which]) / 1e6
    yield f"\n| {which}: {millions:.1f} million parameters | ms | / fused AdamW | bytes a parameter | others |"
    yield "|---|---:|---:|---:|---:|"
    base = torch.optim.AdamW(parameters(which, device), fused=True)
    for name, make in makes.items():
        other = make(parameters(which, device))
        for optimizer in [base, other] * WARM:
            optimizer.step()
        found = compare(lambda: seconds(base, updates), lambda other=other: seconds(other, updates))
        yield (
            f"| {name} | {found.milliseconds:.1f} | {found.ratio:.2f} | {state_bytes(other):.3f} | {found.others:.0%} |"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--only", default="", help="the optimizers whose names have this in them")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    chosen = parser.parse_args(arguments)
    makes = {name: make for name, make in (ours() | peers()).items() if chosen.only.lower() in name.lower()}
    print(f"PyTorch {torch.__version__}, {chosen.device}, {torch.get_num_threads()} threads")
    for which in chosen.sets:
        for row in rows(makes, which, chosen.device):
            print(row, flush=True)


if __name__ == "__main__":
    main()
