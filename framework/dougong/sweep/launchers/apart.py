"""A job in a process of its own: whatever ends it, the others go on."""

import os
import subprocess
from pathlib import Path

from dougong.sweep.job import Job, Outcome, outcome_of

OUTPUT = "output.log"


def run_apart(job: Job, threads: int | None = None, children: "list[subprocess.Popen[bytes]] | None" = None) -> Outcome:
    """Run a job; what it prints goes to `output.log` in its folder.

    Args:
        threads: of PyTorch, unless the environment says how many.
        children: a list that has the process while it runs.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    environment = {**({"OMP_NUM_THREADS": str(threads)} if threads else {}), **os.environ}
    with (job.folder / OUTPUT).open("ab") as output:
        # In a session of its own: ctrl-C in a terminal reaches all processes there, and is handed on once by us.
        child = subprocess.Popen(
            job.command(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if children is not None:
            children.append(child)
        try:
            code = child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
            if children is not None:
                children.remove(child)
    return outcome_of(job, _said(code, job.folder / OUTPUT) if code not in (0, 130) else None)


def _said(code: int, output: Path) -> str:
    """Why a process ended: its last line, or the signal that ended it."""
    if code < 0:
        return f"ended by signal {-code}"
    lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return last or f"ended with exit code {code}"
