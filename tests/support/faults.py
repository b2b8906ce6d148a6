"""What goes wrong in tests of what may go wrong: processes that are killed, disks that are full."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def exit_code_of_fork(action: Callable[[], object]) -> int:
    """Run something in a fork of this process; its exit code, or the signal that killed it as a negative number."""
    process = os.fork()
    if process == 0:
        try:
            action()
            os._exit(0)
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill_at_call(owner: object, name: str, number: int, before: Callable[..., object] = lambda *_: None) -> None:
    """Kill this process, by SIGKILL, at the call of a function; to be used in a fork.

    Args:
        owner, name: where the function is.
        number: of the call, from 1 on.
        before: what is done instead of the call, before the end.
    """
    function, calls = getattr(owner, name), []

    def killing(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == number:
            before(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)

    setattr(owner, name, killing)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small disk of its own, where the tests may mount one."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte free on the disk."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def free(folder: Path) -> None:
    """Take away what `fill` has left."""
    (folder / "filler").unlink()
