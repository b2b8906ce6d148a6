"""Calling a function in a process of its own, which may die, hang or take all memory without harm to this one."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from dougong.registry.plugin import reason

Answer = TypeVar("Answer")

LONGEST = 1e6  # seconds; more than a poll takes
# Forks of a server that has imported torch start at once, and begin with a peak of memory of their own.
CONTEXT = multiprocessing.get_context("forkserver")


class EndedError(Exception):
    """The function failed, or its process ended before it answered.

    Args:
        why: in one line.
        code: the exit code of a process that did not answer; a negative one is a signal.
    """

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(why)
        self.code = code


def prepare(modules: Sequence[str]) -> None:
    """Start the server, with these modules imported; those that are not found are left to whoever needs them."""
    CONTEXT.set_forkserver_preload(list(modules))
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"  # the server would otherwise import what lies in the working directory
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]


def call(function: Callable[..., Answer], *arguments: Any, seconds: float = LONGEST) -> Answer:
    """What a function of a module answers to these arguments, all of which can be pickled.

    Raises:
        EndedError: it raised an error, or its process died.
        TimeoutError: it took too long.
    """
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_answer, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(max(0.0, min(seconds, LONGEST))):
            raise TimeoutError
        failed, answer = ours.recv()
    except EOFError:
        process.join()
        raise EndedError(_manner(process.exitcode), process.exitcode) from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if failed:
        raise EndedError(answer)
    return answer  # type: ignore[no-any-return]


def _answer(connection: Connection, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's, which then ends this process
    try:
        connection.send((False, function(*arguments)))
    except Exception as error:
        connection.send((True, reason(error)))


def _manner(code: int | None) -> str:
    """How a process ended."""
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"
