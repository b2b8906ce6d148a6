"""How long commands take to answer, and a training to begin: ratios against what they can't do without, in one run.

python tests/benchmarks/startup.py
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEER = [sys.executable, "-c", "import hydra"]
DOUGONG = [sys.executable, "-m", "dougong"]
COMMANDS = {
    "dougong --help": ["--help"],
    "dougong plugins": ["plugins"],
    "dougong train --help": ["train", "--help"],
    "dougong train --cfg job": ["train", "--cfg", "job"],
    "dougong train optimizer=adamx (a typo)": ["train", "optimizer=adamx"],
    "completion of `dougong train att`": ["completion", "query", "dougong train att"],
}

# A bare Trainer, with the model and the batch of the default `dougong train`, to the end of its first update.
BARE = """
import os, torch, pytorch_lightning as pl
layer = torch.nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True, norm_first=True)
class Leave(pl.Callback):
    def on_train_batch_end(self, *arguments):
        os._exit(0)
class Bare(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.embed, self.layers = torch.nn.Embedding(800, 256), torch.nn.TransformerEncoder(layer, 4)
        self.head = torch.nn.Linear(256, 6)
    def training_step(self, batch, index):
        tokens, labels = batch
        return torch.nn.functional.cross_entropy(self.head(self.layers(self.embed(tokens)).mean(1)).float(), labels)
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), fused=True)
data = torch.utils.data.TensorDataset(torch.randint(800, (2000, 32)), torch.randint(6, (2000,)))
pl.Trainer(accelerator="cpu", precision="bf16-mixed", callbacks=[Leave()], logger=False, enable_checkpointing=False,
           enable_progress_bar=False, enable_model_summary=False).fit(Bare(), torch.utils.data.DataLoader(data, 32))
"""
LEAVE = """
import os
from pytorch_lightning import Callback
from dougong import register
@register("callback", "leave")
class Leave(Callback):
    def on_train_batch_end(self, *arguments):
        os._exit(0)
"""
OURS = ["train", "trainer=cpu", "callback=leave", "plugin_path=[leave.py]"]


def seconds(command: list[str], folder: str) -> float:
    """Wall time of a command."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return time.perf_counter() - start


def compare(peer: list[str], commands: dict[str, list[str]], rounds: int) -> None:
    """Print medians and ratios; rounds are interleaved."""
    times: dict[str, list[float]] = {"peer": [], **{name: [] for name in commands}}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "leave.py").write_text(LEAVE)
        for _ in range(rounds):
            times["peer"].append(seconds(peer, folder))
            for name, command in commands.items():
                times[name].append(seconds(command, folder))
    base = statistics.median(times.pop("peer"))
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:.2f} s | {base:.2f} s | {middle / base:.2f} |", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print("| command | time | `python -c 'import hydra'` | ratio |\n|---|---|---|---|")
    compare(PEER, {name: [*DOUGONG, *words] for name, words in COMMANDS.items()}, rounds)
    print("\n| to the end of the first update | time | bare Trainer | ratio |\n|---|---|---|---|")
    for tracker in ("csv", "[csv,wandb]"):
        compare(
            [sys.executable, "-c", BARE],
            {f"dougong train tracker={tracker}": [*DOUGONG, *OURS, f"tracker={tracker}"]},
            rounds,
        )


if __name__ == "__main__":
    main()
