"""What training techniques cost: the time of an update with each, as a ratio of a plain update, in turn in one run.

    python tests/benchmarks/techniques.py [NAME ...]

A classifier of 4 layers, width 256, 4,000 tokens, batches of 32 texts of 80, dropout 0.1, AdamW, in float32.
"""

import sys
import time
import warnings
from types import SimpleNamespace
from typing import Any

import torch
from pairs import compare
from pytorch_lightning.plugins import Precision

import dougong
from dougong.compose.settings import GroupSettings, OptimizerSettings
from dougong.training.groups import NO_SETTINGS
from dougong.training.module import TrainingModule
from dougong_plugins.tokenizer.character import CharacterTokenizer

TOKENS, TEXTS, LENGTH = 4000, 32, 80
FROZEN = OptimizerSettings({"embedding": GroupSettings(freeze_until=1000)})
LOWER_FROZEN = OptimizerSettings({name: GroupSettings(freeze_until=1000) for name in ("embedding", "layers.[01]")})

CONTENDERS: dict[str, tuple[list[tuple[str, dict[str, Any]]], OptimizerSettings]] = {
    "fgm": ([("fgm", {})], NO_SETTINGS),
    "pgd, 2 steps": ([("pgd", {"steps": 2})], NO_SETTINGS),
    "pgd, 3 steps": ([("pgd", {})], NO_SETTINGS),
    "r_drop": ([("r_drop", {})], NO_SETTINGS),
    "gradient_penalty": ([("gradient_penalty", {})], NO_SETTINGS),
    "embedding frozen": ([], FROZEN),
    "embedding and 2 layers frozen": ([], LOWER_FROZEN),
}


class Update:
    """One update of a model of its own, by the module that trains."""

    def __init__(self, callbacks: list[tuple[str, dict[str, Any]]], groups: OptimizerSettings) -> None:
        torch.manual_seed(0)
        task = _task()
        made = [dougong.create("callback", name, **settings) for name, settings in callbacks]
        trainer = SimpleNamespace(
            callbacks=made,
            accumulate_grad_batches=1,
            world_size=1,
            precision="32-true",
            precision_plugin=Precision(),
            num_training_batches=1000,
            global_step=0,
        )
        schedule = dougong.create("schedule", "constant")
        self.module = TrainingModule(task, lambda groups: torch.optim.AdamW(groups), schedule, 1000, groups=groups)
        self.module._trainer = trainer
        self.optimizer = torch.optim.AdamW(task.parameters(), 1e-4, fused=True)
        for callback in made:
            if hasattr(callback, "on_train_start"):
                callback.on_train_start(trainer, self.module)
        generator = torch.Generator().manual_seed(1)
        tokens = torch.randint(5, TOKENS, (TEXTS, LENGTH), generator=generator)
        self.batch = {"tokens": tokens, "label": tokens[:, 0] % 2, "index": torch.arange(TEXTS)}

    def __call__(self) -> float:
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.module.training_step(self.batch, 0).backward()
        self.module.on_after_backward()
        self.optimizer.step()
        return time.perf_counter() - start


def _task() -> Any:
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(["".join(chr(0x4E00 + number) for number in range(TOKENS - 5))])
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=256)
    encoder = dougong.create(
        "encoder", "transformer", embedding=embedding, attention=lambda layer: dougong.create("attention", "full")
    )
    return dougong.create("task", "classification", encoder=encoder, facts={"classes": ["0", "1"]}).train()


def main() -> None:
    """Measure and print."""
    warnings.filterwarnings("ignore")
    names = sys.argv[1:] or list(CONTENDERS)
    print("| technique | ms an update | of a plain update |\n|---|---:|---:|")
    plain = Update([], NO_SETTINGS)
    for name in names:
        found = compare(plain, Update(*CONTENDERS[name]), wait=3.0)
        print(f"| {name} | {found.milliseconds:.0f} | {found.ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
