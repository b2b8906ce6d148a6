"""Runs in two processes that meet as torchrun's do; as a program, one of them.

`python two_processes.py FILE` runs the jobs that FILE lists one after the other, so that torch is imported only once.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOTS = [str(Path(__file__).parents[2] / folder) for folder in ("framework", "plugins")]

Job = tuple[Path, Sequence[str]]


def environments(world: int = 2) -> list[dict[str, str]]:
    """What torchrun says to each of its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {
        **os.environ,
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(ROOTS),
        "WANDB_MODE": "disabled",
    }
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(world)]


def run_in_two_processes(jobs: Sequence[Job], file: Path) -> None:
    """Run jobs: each the words of a training and its folder; one that crashes does not keep the next from running."""
    file.write_text(json.dumps([(str(folder), list(words)) for folder, words in jobs]))
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(file)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for environment in environments()
    ]
    outputs = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(outputs)


def main(file: Path) -> None:
    """Run all jobs as one process of the group."""
    import dougong

    for folder, words in json.loads(file.read_text()):
        os.environ["DOUGONG_TEST_CRASH"] = "raise:step:5" if "callback=crash" in words and "!" in folder else ""
        try:
            dougong.train(words, folder=folder)
        except ZeroDivisionError:
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]))
