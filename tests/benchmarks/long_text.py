"""Time and memory of training on long texts: `experiment=long_text` with each attention, in one run.

    python tests/benchmarks/long_text.py --text INPUT_TXT [--attentions full sparse math] [--updates 12] [--rounds 3]

`full` is the flash kernel of PyTorch, which never holds the scores of a layer; `math` is the same by its plain
kernel, which does: (B, H, N, N) of them.

Each measurement is a process of its own, and rounds are interleaved. Times are medians over the updates from the third
on; memory is the growth of the process's peak over those updates, above what it held before the first.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

WARM = 2
MATH = "math"


def measure(text: str, attention: str, updates: int, precision: str) -> dict[str, float]:
    """Seconds an update and bytes, of one short training."""
    from pytorch_lightning import Callback
    from torch.nn.attention import SDPBackend, sdpa_kernel

    import dougong
    from dougong.benchmark.memory import _status

    begins: list[float] = []
    ends: list[float] = []
    held: list[int] = []

    @dougong.register("callback", "clock")
    class Clock(Callback):  # type: ignore[misc]
        """Notes when updates begin and end."""

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            if not held:
                Path("/proc/self/clear_refs").write_text("5")
                held.append(_status("VmHWM"))
            begins.append(time.perf_counter())

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            ends.append(time.perf_counter())
            held.append(_status("VmHWM"))

    with tempfile.TemporaryDirectory() as folder:
        plugin = "full" if attention == MATH else attention
        settings = ["experiment=long_text", f"data.path={text}", f"attention={plugin}", "callback=clock"]
        settings += ["tracker=csv", f"trainer.max_updates={updates}", "trainer=cpu", f"trainer.precision={precision}"]
        # Validation would be part of the time of an epoch, and of no update; a small share of the text is enough.
        settings += ["data.valid_share=0.01", "data.test_share=0.0"]
        with sdpa_kernel(SDPBackend.MATH) if attention == MATH else nullcontext():
            dougong.train(settings, Path(folder) / "run")
    seconds = [end - begin for begin, end in zip(begins, ends, strict=True)][WARM:]
    return {"seconds": statistics.median(seconds), "bytes": held[-1] - held[0]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True)
    parser.add_argument("--attentions", nargs="+", default=["full", "sparse", MATH])
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.text, options.one, options.updates, options.precision)))
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in options.attentions}
    for number in range(options.rounds):
        for name in options.attentions:
            arguments = [sys.executable, __file__, *sys.argv[1:], "--one", name]
            output = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
            found[name].append(json.loads(output.splitlines()[-1]))
            print(f"round {number + 1}: {name} {found[name][-1]}", file=sys.stderr)
    print("| attention | ms an update | first / this | peak MiB of the updates |\n|---|---:|---:|---:|")
    seconds = {name: statistics.median(item["seconds"] for item in items) for name, items in found.items()}
    for name, items in found.items():
        mebibytes = statistics.median(item["bytes"] for item in items) / 2**20
        ratio = seconds[options.attentions[0]] / seconds[name]
        print(f"| {name} | {1000 * seconds[name]:.0f} | {ratio:.2f} | {mebibytes:.0f} |")


if __name__ == "__main__":
    main()
