"""What it saves to score the masked places alone: time and memory of an update, against scoring every place.

    python tests/benchmarks/masked_lm.py

4 layers, width 256, the 21,128 tokens of Chinese BERT, output tied to the embedding, batches of 16 blocks of 128 tokens
of which 15 % are to be predicted, float32. The two take turns; the peaks of memory are those of processes of their own.
"""

import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np
import torch
from pairs import compare
from torch.nn import functional

import dougong
from dougong.benchmark.memory import growth_of
from dougong.contracts.embedding import Inputs
from dougong_plugins.task.masking.masks import IGNORED
from dougong_plugins.tokenizer.character import CharacterTokenizer

TOKENS, BLOCKS, LENGTH = 21_128, 16, 128


def model() -> Any:
    """The task, of random weights."""
    torch.manual_seed(0)
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(["".join(chr(0x3400 + number) for number in range(TOKENS - 5))])
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=256)
    encoder = dougong.create(
        "encoder", "transformer", embedding=embedding, attention=lambda layer: dougong.create("attention", "full")
    )
    return dougong.create("task", "masked_lm", encoder=encoder, facts={}).train()


class Update:
    """Forward, backward and the optimizer's step.

    Args:
        every: whether every place is scored, and what is not asked for is left out of the loss.
    """

    def __init__(self, every: bool) -> None:
        self.task, self.every = model(), every
        self.optimizer = torch.optim.AdamW(self.task.parameters(), 1e-4, fused=True)
        random = np.random.default_rng(1)
        rows = [self.task.vary({"tokens": random.integers(5, TOKENS, LENGTH)}, random) for _ in range(BLOCKS)]
        self.batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in ("tokens", "target")}

    def loss(self) -> torch.Tensor:
        """Of the batch."""
        if not self.every:
            return self.task.loss(self.task(self.batch), self.batch).total  # type: ignore[no-any-return]
        states = self.task.encoder(Inputs(self.batch["tokens"]))
        logits, target = self.task.score_tokens(states).flatten(0, 1), self.batch["target"].flatten()
        return functional.cross_entropy(logits, target, reduction="sum", ignore_index=IGNORED)

    def __call__(self) -> float:
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.loss().backward()
        self.optimizer.step()
        return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    warnings.filterwarnings("ignore")
    if sys.argv[1:]:
        update = Update(sys.argv[1] == "every")
        print(growth_of(update) / 2**20)
        return
    found = compare(Update(every=False), Update(every=True))
    peaks = [
        float(subprocess.run([sys.executable, __file__, kind], capture_output=True, text=True, check=True).stdout)
        for kind in ("masked", "every")
    ]
    print(
        f"every place: {found.milliseconds:.0f} ms an update, {found.ratio:.2f} times that of the masked places alone"
    )
    print(f"peak of the first update: {peaks[1]:.0f} MiB for every place, {peaks[0]:.0f} MiB for the masked places")


if __name__ == "__main__":
    main()
