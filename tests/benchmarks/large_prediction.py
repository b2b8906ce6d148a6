"""The memory that answering a file takes, by its size: `python tests/benchmarks/large_prediction.py [MEGABYTES ...]`.

A small model, trained for one epoch, answers generated files of texts of 0.3 to 3 kB with `dougong predict`, in a
process of its own each; printed are its peak of memory (resident) and its processor time.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TINY = ["data.size=100", "encoder.layers=1", "embedding.dim=16", "task.max_length=16", "trainer.max_epochs=1"]
TEXT = "这家店的面很好吃，下次还会再来。" * 64


def dougong(*words: str) -> None:
    """Run a command."""
    subprocess.run([sys.executable, "-m", "dougong", *words], check=True, stdout=subprocess.DEVNULL)


def generate(path: Path, megabytes: int) -> int:
    """Write a file of so many million bytes; how many records it has."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            file.write(json.dumps({"text": f"{count}{TEXT[: 100 + count * 7919 % 924]}"}, ensure_ascii=False) + "\n")
            count += 1
    return count


def measured(*words: str) -> tuple[float, float]:
    """Peak of memory in MB and processor time in seconds of a command."""
    process = subprocess.Popen([sys.executable, "-m", "dougong", *words])
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0
    return used.ru_maxrss / 1e3, used.ru_utime + used.ru_stime


def main() -> None:
    """Measure."""
    print("| file, MB | records | peak of memory, MB | processor time, s |\n|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        run, source, output = (Path(folder) / name for name in ("run", "in.jsonl", "out.jsonl"))
        dougong("train", *TINY, "tracker=[]", "trainer.progress=none", "test=false", f"hydra.run.dir={run}")
        for megabytes in map(int, sys.argv[1:] or ["1", "30", "300"]):
            count = generate(source, megabytes)
            words = (f"checkpoint={run}/checkpoints/best.ckpt", f"input={source}", f"output={output}")
            peak, seconds = measured("predict", *words)
            with output.open("rb") as file:
                assert sum(1 for _ in file) == count
            print(f"| {megabytes} | {count:,} | {peak:,.0f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
