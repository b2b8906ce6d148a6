"""A function applied to many things in several processes, with the results in order."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from dougong.errors import UserError

Given = TypeVar("Given")
Made = TypeVar("Made")
AHEAD = 3
"""Things in work for each process: enough to keep it busy, and few in memory."""

_function: Callable[[Any], Any] | None = None


def ordered_map(function: Callable[[Given], Made], items: Iterable[Given], processes: int) -> Iterator[Made]:
    """`map(function, items)` in so many processes, which are forks: the function need not be picklable.

    Raises:
        UserError: a process died, or the system has no forks.
    """
    if processes == 1:
        yield from map(function, items)
        return
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UserError("loader.encode_processes: must be 1 on this system, which has no forks.")
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(processes, context, _start, (function, os.getpid()))
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(_call, item))
            if len(waiting) >= AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UserError(
            "loader.encode_processes: a process that encodes died, for lack of memory perhaps; try fewer of them."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start(function: Callable[[Any], Any], parent: int) -> None:
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent honours it
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # each process is one thread
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End when the parent has been killed, which nothing else would tell."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _call(item: Any) -> Any:
    assert _function is not None
    return _function(item)
