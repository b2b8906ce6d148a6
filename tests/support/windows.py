"""Accumulation windows of ragged batches, trained through `TrainingModule`; as a program, one of two processes.

`python windows.py FILE` runs every case in the process group that the environment describes, and the first process
writes the weights that each case ends with.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dougong.compose.compose import compose
from dougong.compose.settings import OptimizerSettings
from dougong.contracts.task import Batch, Loss, Scores, Task
from dougong.data.records import PlainText
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.training.assemble import Assembly
from dougong.training.groups import NO_SETTINGS
from dougong.training.module import TrainingModule
from dougong.training.processes import group
from dougong.training.processes.strategy import Together
from dougong.training.trainer import quieten

VOCABULARY, WIDTH, CLASSES = 11, 6, 5
LEVELS = ("token", "example")
TYPES = {"float64": torch.float64, "float32": torch.float32}
EXAMPLES, EPOCHS = 42, 2
# 42 examples in batches of 3, 7 a process: windows of 3 batches a process (18 examples), and a last one of 1 (6).
SMALL, WINDOW, LARGE = 3, 3, 18


class Ragged(Task):
    """A small network with a loss a token, or a loss an example."""

    accepts = PlainText

    def __init__(self, level: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.level = level
        self.token = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH)])
        self.norm = nn.LayerNorm(WIDTH)
        self.classify = nn.Linear(WIDTH, CLASSES)

    def encode(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        states = self.norm(torch.tanh(self.layers[0](self.token(batch["tokens"]))))
        if self.level == "token":
            return self.classify(states)
        kept = (~batch["padding_mask"]).unsqueeze(-1)
        return self.classify((states * kept).sum(1) / kept.sum(1))

    def loss(self, outputs: Tensor, batch: Batch) -> Loss:
        if self.level == "example":
            targets = batch["tokens"][:, 0] % CLASSES
            return Loss(nn.functional.cross_entropy(outputs, targets, reduction="sum"), torch.tensor(len(targets)))
        targets = (batch["tokens"] % CLASSES).masked_fill(batch["padding_mask"], -100)
        total = nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="sum")
        return Loss(total, (~batch["padding_mask"]).sum())

    def predict(self, outputs: Tensor, batch: Batch) -> list[dict[str, Any]]:
        return [{} for _ in batch["index"]]

    def score(self, predictions: Sequence[Any], records: Sequence[Any]) -> Scores:
        return Scores({})


def batches(size: int, rank: int = 0, world: int = 1, examples: int = EXAMPLES) -> list[Batch]:
    """Examples of 1 to 12 tokens in batches of `size`, each process every `world`-th."""
    random = torch.Generator().manual_seed(1)
    texts = [
        torch.randint(VOCABULARY, (int(torch.randint(1, 13, (), generator=random)),), generator=random)
        for _ in range(examples)
    ]
    made = []
    for begin in range(0, examples, size):
        chunk = texts[begin : begin + size]
        tokens = nn.utils.rnn.pad_sequence(chunk, batch_first=True)
        mask = torch.arange(tokens.shape[1]) >= torch.tensor([len(text) for text in chunk])[:, None]
        made.append({"tokens": tokens, "padding_mask": mask, "index": torch.arange(begin, begin + len(chunk))})
    return made[rank::world]


def cases() -> list[tuple[str, str, str, str]]:
    """(optimizer, wrapper, level, type) of every optimizer that there is, and of every wrapper over AdamW."""
    known = {kind: [plugin.name for plugin in Catalogue() if plugin.kind == kind] for kind in ("optimizer", "wrapper")}
    pairs = [*((name, "") for name in known["optimizer"]), *(("adamw", name) for name in known["wrapper"])]
    return [(*pair, level, kind) for pair in pairs for level in LEVELS for kind in TYPES]


class Counts(lightning.Callback):
    """Counts the optimizer's steps and keeps its learning rates."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        self.rates.append(optimizer.param_groups[-1]["lr"])


def train(
    case: tuple[str, str, str, str],
    data: list[Batch],
    window: int,
    clip_norm: float | None = 0.3,
    settings: Sequence[str] = (),
    callbacks: Sequence[lightning.Callback] = (),
    make_task: Callable[[str], Task] = Ragged,
    groups: OptimizerSettings = NO_SETTINGS,
    **trainer: Any,
) -> TrainingModule:
    """Train a case on these batches of this process, `window` to an update."""
    optimizer, wrapper, level, kind = case
    chosen = [f"optimizer={optimizer}", *([f"wrapper=[{wrapper}]"] if wrapper else []), *settings]
    assembly = Assembly(compose([*chosen, "schedule=linear_warmup"]))
    task = make_task(level).to(TYPES[kind])

    def make(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        made: torch.optim.Optimizer = assembly.make("optimizer", params=groups)
        if "wrapper" not in KINDS:
            return made
        from dougong.training.stacked import stacked

        return stacked(made, assembly.make_all("wrapper"), task)

    updates = -(-len(data) // window) * EPOCHS
    module = TrainingModule(task, make, assembly.make("schedule"), updates, "matrices", clip_norm, groups=groups)
    quieten()
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary", "use_distributed_sampler")
    usual = {"devices": 1, "precision": "64-true" if kind == "float64" else "32-true", **dict.fromkeys(quiet, False)}
    runner = lightning.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        accumulate_grad_batches=window,
        callbacks=list(callbacks),
        **{**usual, **trainer},
    )
    runner.fit(module, DataLoader(data, batch_size=None))  # type: ignore[arg-type]
    return module


def weights(module: TrainingModule) -> dict[str, Tensor]:
    """The task's weights."""
    return {name: item.detach().clone() for name, item in module.task.state_dict().items()}


def main(path: Path) -> None:
    """Run every case as one process of the group."""
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    group.join()
    found: dict[str, Any] = {}
    for case in cases():
        try:
            module = train(case, batches(SMALL, rank, world), WINDOW, strategy=Together(torch.device("cpu")))
        except Exception as error:  # one optimizer's, not to be laid at the door of the others
            found["/".join(case)] = f"{type(error).__name__}: {error}"
        else:
            found["/".join(case)] = weights(module)
    if rank == 0:
        torch.save(found, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
