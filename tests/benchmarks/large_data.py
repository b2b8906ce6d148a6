"""Training on text that is larger than what it may take of memory.

    python tests/benchmarks/large_data.py [--megabytes 2000] [--processes 1] [--only classification]

Generates Chinese text of that size in a temporary folder, trains a tiny model on it for a few updates, and looks at the
memory of all processes of the run from outside: what is theirs alone, and pages of files, which the system takes back
when it needs room. The same training on a hundredth of the text, no more than 2 MB, is what model and libraries take.
Each is run twice: the second takes what the first has encoded.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

WORDS = (
    "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈剑号巨阙珠称夜光"
)
CHARACTERS = 200
"""Of a text, three bytes each."""

MODEL = ["encoder.layers=1", "encoder.heads=1", "embedding.dim=16", "trainer=cpu", "trainer.precision=32"]
COMMON = [
    *MODEL,
    "tracker=csv",
    "trainer.max_updates=20",
    "trainer.progress=lines",
    "test=false",
    "loader.batch_size=32",
]


def sentences(seed: int, count: int) -> list[bytes]:
    """Texts of random characters, a few of them rare."""
    random = np.random.default_rng(seed)
    letters = np.array(list(WORDS + "".join(chr(0x4E00 + number) for number in range(2000))))
    weights = np.concatenate([np.full(len(WORDS), 50.0), np.ones(2000)])
    drawn = random.choice(letters, (count, CHARACTERS), p=weights / weights.sum())
    return ["".join(row).encode() for row in drawn]


def write(path: Path, megabytes: float, line: Callable[[bytes, int], bytes]) -> None:
    """A file of texts in random order, each with a number that no other has."""
    pool, random = sentences(0, 20_000), np.random.default_rng(1)
    left, number = megabytes * 1e6, 0
    with path.open("wb") as file:
        while left > 0:
            rows = [line(pool[index], number + at) for at, index in enumerate(random.integers(len(pool), size=500))]
            number += len(rows)
            left -= file.write(b"".join(rows))


def table(folder: Path, megabytes: float) -> list[str]:
    """Texts and labels, for a classification."""
    for name, size in (("train.tsv", megabytes), ("valid.tsv", 0.1)):
        write(
            folder / name,
            size,
            lambda text, number: b"%d %s\t%s\n" % (number, text, b"ab"[number % 2 : number % 2 + 1]),
        )
    return ["task=classification", "data=text_table", "data.test=null", "data.text=0", "data.label=1"]


def wide_table(folder: Path, megabytes: float) -> list[str]:
    """Texts of 20 characters with labels, beside a column of twice the usual length that is not read."""

    def line(text: bytes, number: int) -> bytes:
        return b"%d %s\t%s\t%s%s\n" % (number, text[:60], b"ab"[number % 2 : number % 2 + 1], text, text)

    settings = table(folder, 0.1)
    write(folder / "train.tsv", megabytes, line)
    write(folder / "valid.tsv", 0.1, line)
    return settings


def corpus(folder: Path, megabytes: float) -> list[str]:
    """Documents a line, for language models."""
    write(folder / "corpus.txt", megabytes, lambda text, number: b"%d %s\n" % (number, text))
    share = min(0.1, 0.1 / megabytes)
    return [
        "data=text_file",
        f"data.valid_share={share}",
        "data.test_share=0",
        "data.documents=line",
        "task.length=128",
    ]


def masked(folder: Path, megabytes: float) -> list[str]:
    """Masked tokens of such documents."""
    return ["task=masked_lm", *corpus(folder, megabytes)]


def causal(folder: Path, megabytes: float) -> list[str]:
    """Next tokens of such documents."""
    return ["task=causal_lm", *corpus(folder, megabytes)]


TASKS = {"classification": table, "classification_of_few": wide_table, "masked_lm": masked, "causal_lm": causal}


def memory(process: psutil.Process) -> tuple[float, float]:
    """MiB of all processes of a run: theirs alone, and pages of files that they have mapped."""
    alone = files = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue
        # Pages that several processes share are counted once, by parts.
        found = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Pss")}
        alone += found.get("Pss_Anon", 0) + found.get("Pss_Shmem", 0)
        files += found.get("Pss_File", 0)
    return alone / 1024, files / 1024


def run(settings: list[str]) -> tuple[float, float, float]:
    """Train; peaks of the memory that is the run's alone and of that with pages of files, and seconds.

    Raises:
        RuntimeError: it failed.
    """
    started, alone, whole = time.monotonic(), 0.0, 0.0
    command = [sys.executable, "-m", "dougong", "train", *settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as training:
        process = psutil.Process(training.pid)
        while training.poll() is None:
            try:
                own, files = memory(process)
            except psutil.NoSuchProcess:
                break
            alone, whole = max(alone, own), max(whole, own + files)
            time.sleep(0.5)
        output = training.stdout.read() if training.stdout else ""
    if training.returncode:
        raise RuntimeError(output)
    return alone, whole, time.monotonic() - started


def main() -> None:
    """Generate, train, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=2000)
    parser.add_argument("--processes", type=int, default=1, help="that encode")
    parser.add_argument("--only", choices=TASKS)
    options = parser.parse_args()
    print(
        "| task | run | own memory, MiB | above the model's | with pages of files | seconds |\n"
        + "|---|---|"
        + "---:|" * 4
    )
    for name, make in TASKS.items():
        if options.only in (None, name):
            small = measure(name, make, min(2.0, options.megabytes / 100), options.processes, 1, 0.0)
            measure(name, make, options.megabytes, options.processes, 2, small)


def measure(
    name: str, make: Callable[[Path, float], list[str]], size: float, processes: int, times: int, less: float
) -> float:
    """Runs on one text, the later ones with what the first encoded; the memory of the first."""
    with tempfile.TemporaryDirectory(prefix="dougong-large-") as temporary:
        folder = Path(temporary)
        settings = [*make(folder, size), *COMMON, f"data.path={folder}", f"loader.cache={folder / 'cache'}"]
        first = 0.0
        for number in range(times):
            found = run([*settings, f"loader.encode_processes={processes}", f"hydra.run.dir={folder / str(number)}"])
            first = first or found[0]
            what = f"{size:,.0f} MB, {'again' if number else 'first'}"
            print(
                f"| {name} | {what} | {found[0]:,.0f} | {found[0] - less:,.0f} | {found[1]:,.0f} | {found[2]:,.0f} |",
                flush=True,
            )
    return first


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
