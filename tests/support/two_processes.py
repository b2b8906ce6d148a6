"""Runs in two processes that meet as torchrun's do; as a program, one of them.

`python two_processes.py FILE` runs the jobs that FILE lists one after the other, so that torch is imported only once.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOTS = [str(Path(__file__).parents[2] / folder) for folder in ("framework", "plugins")]


@dataclass(frozen=True)
class Job:
    """A training.

    Args:
        folder: of the run.
        words: as after `dougong train`.
        crash: where both processes raise, as `crash.py` has it.
    """

    folder: str
    words: Sequence[str]
    crash: str = ""


def environments(world: int = 2) -> list[dict[str, str]]:
    """What torchrun says to each of its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    group |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(ROOTS), "WANDB_MODE": "disabled"}
    return [{**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(world)]


def run_in_two_processes(jobs: Sequence[Job], file: Path) -> None:
    """Run the jobs; one that crashes as it should does not keep the next from running."""
    file.write_text(json.dumps([asdict(job) for job in jobs]))
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

    for job in [Job(**item) for item in json.loads(file.read_text())]:
        os.environ["DOUGONG_TEST_CRASH"] = job.crash
        try:
            dougong.train(job.words, folder=job.folder or None)
        except ZeroDivisionError:
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]))
