"""What accumulation that is not exact costs, and what exact accumulation takes in memory.

    python tests/benchmarks/accumulation.py --data FOLDER_OF_SENTIMENT

1. How far the mean of the batches' means is from the gradient of the large batch, for a loss a token: a bigram model of
   the characters of reviews, windows of 8 batches of 4 texts, at the start and after 200 updates.
2. What Lightning's own accumulation makes of a last window of 2 batches where `accumulate_grad_batches` is 4.
3. Peak memory of windows of 1 and of 8 batches through `TrainingModule`, and through a plain loop of PyTorch's that
   calls `backward` for each batch, in processes of their own, for a model of 128 MiB. A second buffer for gradients
   would take 128 more than the plain loop.
"""

import argparse
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import dougong

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

VOCABULARY, WIDTH, TEXTS, WINDOW, UPDATES = 2000, 64, 4, 8, 200
MEBI = 2**20
SIZE = 5792  # squared, in float32: 128 MiB


def reviews(folder: Path) -> list[Tensor]:
    """The characters of the training texts, as numbers."""
    lines = (folder / "sentiment.train.data").read_text(encoding="utf-8").splitlines()
    return [torch.tensor([ord(letter) % VOCABULARY for letter in line.split("\t")[0][:128]]) for line in lines]


def total(model: nn.Module, texts: list[Tensor]) -> tuple[Tensor, int]:
    """The summed loss of the next characters, and how many there are."""
    inputs, targets = (torch.cat([text[cut] for text in texts]) for cut in (slice(None, -1), slice(1, None)))
    return nn.functional.cross_entropy(model(inputs), targets, reduction="sum"), len(targets)


def gradient(model: nn.Module, loss: Tensor) -> Tensor:
    """All gradients of a loss, in a row."""
    return torch.cat([item.flatten() for item in torch.autograd.grad(loss, list(model.parameters()))])


def errors(folder: Path) -> list[float]:
    """Of the mean of means, relative to the window's gradient, along a training with the latter."""
    torch.manual_seed(0)
    texts = [text for text in reviews(folder) if len(text) > 1]
    order = torch.randperm(len(texts)).tolist()
    model = nn.Sequential(nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, VOCABULARY))
    optimizer, found = torch.optim.AdamW(model.parameters(), 1e-2), []
    for update in range(UPDATES):
        numbers = order[update * TEXTS * WINDOW : (update + 1) * TEXTS * WINDOW]
        batches = [[texts[n] for n in numbers[begin : begin + TEXTS]] for begin in range(0, len(numbers), TEXTS)]
        losses = [total(model, batch) for batch in batches]
        exact = gradient(model, sum(loss for loss, _ in losses) / sum(count for _, count in losses))
        means = gradient(
            model, sum(loss / count for loss, count in [total(model, batch) for batch in batches]) / WINDOW
        )
        found.append(float((means - exact).norm() / exact.norm()))
        ends = torch.tensor([item.numel() for item in model.parameters()]).cumsum(0)
        for parameter, part in zip(model.parameters(), exact.tensor_split(ends[:-1].tolist()), strict=True):
            parameter.grad = part.view_as(parameter)
        optimizer.step()
    return found


class Plain(lightning.LightningModule):
    """Lightning as its documentation has it: the mean loss is returned, and accumulation is the trainer's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.gradients: list[float] = []

    def training_step(self, batch: Tensor, batch_index: int) -> Tensor:
        return self.weight.sum()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.gradients.append(float(self.weight.grad))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def lightning_gradients() -> list[float]:
    """Of each window of a loss whose gradient is 1, for 6 batches in windows of 4."""
    module = Plain()
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = lightning.Trainer(
        accelerator="cpu", devices=1, max_epochs=1, accumulate_grad_batches=4, **dict.fromkeys(quiet, False)
    )
    trainer.fit(module, DataLoader([torch.zeros(1)] * 6, batch_size=None))
    return module.gradients


def peak(window: int, plain: bool) -> None:
    """Train a large matrix for some windows and print the process's peak of memory, in MiB, beyond its start."""
    import windows

    class Wide(windows.Ragged):
        def __init__(self, level: str) -> None:
            super().__init__(level)
            self.wide = nn.Linear(SIZE, SIZE, bias=False)

        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return super().forward(batch) + self.wide.weight.mean()

    windows.Ragged = Wide
    windows.EPOCHS = 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = windows.batches(3, examples=6 * window)
    if plain:
        accumulate(Wide("token"), data, window)
    else:
        windows.train(("sgd", "", "token", "float32"), data, window, clip_norm=None)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def accumulate(model: nn.Module, batches: list[dict[str, Tensor]], window: int) -> None:
    """Train with PyTorch alone, and the same optimizer."""
    optimizer = dougong.create("optimizer", "sgd", params=list(model.parameters()))
    for number, batch in enumerate(batches, 1):
        model(batch).sum().backward()
        if number % window == 0:
            optimizer.step()
            optimizer.zero_grad()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with sentiment.train.data")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    if arguments.peak:
        peak(arguments.peak, arguments.plain)
        return
    if arguments.data:
        found = torch.tensor(errors(arguments.data))
        for name, part in (("first 20 updates", found[:20]), ("last 20 updates", found[-20:])):
            print(f"mean of means, {name}: off by {part.median():.0%} (median), {part.max():.0%} (at most)")
    print("Lightning, 6 batches in windows of 4, gradient 1:", *(f"{item:.2f}" for item in lightning_gradients()))
    for window in (1, 8):
        peaks = []
        for kind in ([], ["--plain"]):
            command = [sys.executable, __file__, "--peak", str(window), *kind]
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
            peaks.append(float(answer))
        ours, plain = peaks
        print(f"peak of a model of 128 MiB, window of {window}: {ours:.0f} MiB, a plain loop of PyTorch's {plain:.0f}")


if __name__ == "__main__":
    main()
