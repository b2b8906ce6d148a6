"""A loader whose workers may be killed."""

import logging
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Any

from torch.utils.data import DataLoader

from dougong.errors import UserError

SETTLING = 5.0
"""Seconds for a worker to be gone whose connection was closed."""

logger = logging.getLogger(__name__)


class EnduringLoader(DataLoader[Any]):
    """Where the system kills a worker, for want of memory, say, new ones go on with the batch that is due.

    Its sampler has an attribute `start`: batches to leave out at the next pass, and at that one only. As a batch is a
    function of what the sampler says, the batches are those that there would have been.
    """

    done = 0
    """Batches of this pass that were handed out."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return self.pass_from(0)

    def pass_from(self, done: int) -> Iterator[Any]:
        """The batches after the first so many.

        Raises:
            UserError: workers were killed twice at the same batch.
        """
        self.done, died_at = done, None
        while True:
            self.sampler.start = self.done  # type: ignore[attr-defined]
            iterator = self._begin()
            try:
                for batch in iterator:
                    # Counted before it is handed out: a checkpoint taken during its step must not see it again.
                    self.done += 1
                    yield batch
                return
            except (RuntimeError, OSError, EOFError) as error:
                # The end of a worker is also met as a connection that is closed, from which a batch was to come.
                if not _one_has_ended(iterator, SETTLING if isinstance(error, OSError | EOFError) else 0):
                    raise
                if died_at == self.done:
                    raise UserError(_killed_twice(error)) from error
                died_at = self.done
                logger.warning("a process that makes batches was killed (%s); new ones take over", _in_a_line(error))
                self._iterator = None

    def _begin(self) -> Iterator[Any]:
        """A pass, without PyTorch's signal handler: that raises wherever the training is when a worker ends, which may
        be in the midst of an update. Without it the end is noticed where a batch is waited for."""
        if self.num_workers == 0 or threading.current_thread() is not threading.main_thread():
            return super().__iter__()
        handler = signal.getsignal(signal.SIGCHLD)
        iterator = super().__iter__()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if handler is None else handler)
        return iterator


def _one_has_ended(iterator: Iterator[Any], seconds: float) -> bool:
    """Whether a worker ends within this time; its connections are closed a moment before it is gone."""
    workers = getattr(iterator, "_workers", ())
    return bool(wait([worker.sentinel for worker in workers], seconds)) if workers else False


def _killed_twice(error: Exception) -> str:
    return (
        f"loader.num_workers: processes that make batches were killed twice at the same batch ({_in_a_line(error)}), "
        "perhaps for want of memory; take loader.num_workers=0 or fewer, which may be given beside resume=... as well."
    )


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
