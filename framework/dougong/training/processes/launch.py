"""Starts the processes of one training, and ends them all when one dies. Needs no torch."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml

from dougong.errors import UserError
from dougong.training.processes.forward import Forward
from dougong.training.processes.place import RENDEZVOUS, Place

POLL = 0.05
"""Seconds between two looks at the processes."""

GRACE = 5.0
"""Seconds that the others have to end by themselves once one has died, or the first is done."""

CHILD = "dougong.training.processes.child"


class ProcessFailedError(RuntimeError):
    """A process of the training ended with an error that is not the user's; the message is its trace."""


class Ended(NamedTuple):
    """How a process ended.

    Args:
        rank: which.
        code: its exit code, negative for a signal.
        outcome: what it left: a result, or an error and when it was raised.
    """

    rank: int
    code: int
    outcome: dict[str, Any]


def launch(job: dict[str, Any], count: int) -> dict[str, Any]:
    """Run a job in `count` processes of this machine; what the first of them returns.

    Each is an interpreter of its own, so that nothing of this one (a GPU's state, threads, Hydra) is in its way, and
    finds the others by a file, so that no port has to be free.

    Raises:
        UserError: what a process says that the user can mend, or that one was killed.
        ProcessFailedError: another error of one.
        KeyboardInterrupt: they were told to stop at once.
    """
    with TemporaryDirectory(prefix="dougong-") as shared:
        folder = Path(shared)
        (folder / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")  # JSON has no numbers as keys
        processes = [_start(folder, Place(rank, count, rank, count)) for rank in range(count)]
        try:
            with Forward(processes):
                ended = _supervise(processes, folder)
        finally:
            for process in processes:
                _end(process)
        return outcome_of(ended, folder, job)


def _start(folder: Path, here: Place) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **here.environment(), RENDEZVOUS: str(folder / "rendezvous")}
    if any(name == "lo" for _, name in socket.if_nameindex()):
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a machine need not know its own name
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    with (folder / f"errors.{here.rank}").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", CHILD, str(folder)],  # the working directory is no place to import from
            env=environment,
            stdin=subprocess.PIPE,  # closes when this process dies, which is how the child knows
            stdout=None if here.first else subprocess.DEVNULL,
            stderr=None if here.first else errors,
            # A terminal's ctrl-C reaches this process alone, which hands it on: once, whoever sent it.
            start_new_session=True,
        )


def _supervise(processes: Sequence[subprocess.Popen[bytes]], folder: Path) -> list[Ended]:
    """Those that ended by themselves, in the order of it; the others are left running."""
    ended: dict[int, Ended] = {}
    deadline = None
    while len(ended) < len(processes) and (deadline is None or time.monotonic() < deadline):
        for rank, process in enumerate(processes):
            if rank not in ended and (code := process.poll()) is not None:
                ended[rank] = Ended(rank, code, _outcome(folder / f"outcome.{rank}.json"))
                if code or rank == 0:  # the first may take its time to finish, with a tracker that uploads, say
                    deadline = deadline or time.monotonic() + GRACE
        time.sleep(POLL)
    return list(ended.values())


def _outcome(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def outcome_of(ended: list[Ended], folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """What the first process returned; or the error that was first, since the others are its consequences.

    Raises:
        UserError, ProcessFailedError, KeyboardInterrupt: as `launch` does.
    """
    failed = [item for item in ended if item.code]
    if not failed:
        result: dict[str, Any] = next(item.outcome["result"] for item in ended if item.rank == 0)
        return result
    cause = min(failed, key=lambda item: item.outcome.get("when", 0.0))
    if "user_error" in cause.outcome:
        raise UserError(cause.outcome["user_error"])
    if cause.outcome.get("stopped"):
        raise KeyboardInterrupt
    if "trace" in cause.outcome:
        raise ProcessFailedError(f"process {cause.rank} failed:\n{cause.outcome['trace']}")
    errors = (folder / f"errors.{cause.rank}").read_text(encoding="utf-8", errors="replace").strip()
    raise UserError(f"process {cause.rank} of the training {_said(cause.code)}{_resumable(job)}{_last_line(errors)}")


def _said(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed ({signal.Signals(-code).name})"


def _resumable(job: dict[str, Any]) -> str:
    folder = Path(job["folder"])
    saved = (folder / "checkpoints" / "last.ckpt").exists()
    return f"; go on with: dougong train resume={folder}" if saved else "; nothing was saved yet"


def _last_line(errors: str) -> str:
    return f"; its last words: {errors.splitlines()[-1]}" if errors else "."
