"""The dashboard as its user starts it: in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Callable[..., tuple[str, subprocess.Popen[str]]]]:
    """Starts `dougong dashboard`, and gives the address that it prints, and the process."""
    pytest.importorskip("trackio", reason="the extra `dashboard` is not installed")
    processes = []

    def start(*words: str) -> tuple[str, subprocess.Popen[str]]:
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "dougong", "dashboard", *words, "port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().split()[1], process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits until something holds."""

    def wait(holds: Callable[[], bool]) -> None:
        for _ in range(200):
            if holds():
                return
            time.sleep(0.1)
        raise AssertionError("it did not come to hold in 20 s")

    return wait
