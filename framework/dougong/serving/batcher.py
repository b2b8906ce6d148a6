"""Requests that come together are answered together, by one thread that nothing else runs in."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

Answers = list[Any]
Answer = Callable[[Sequence[Any]], Answers]

log = logging.getLogger(__name__)


class FullError(Exception):
    """There is no room in the queue."""


class ClosedError(Exception):
    """No request is taken any more."""


@dataclass(eq=False)
class Job:
    """The records of a request, and where their answers go."""

    records: Sequence[Any]
    future: "Future[Answers]" = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)


class Batcher:
    """A queue of requests and the thread that answers them, several at once.

    The records of a request are never parted: alone in its batch, it is computed as `dougong predict` computes a file
    of its records. A request that is cancelled while it waits costs nothing.

    Args:
        answer: one answer a record, in order; called in the thread alone.
        max_batch: records of several requests that are answered together.
        max_wait: seconds that the oldest request waits for others.
        max_queue: records that may wait.
    """

    def __init__(self, answer: Answer, max_batch: int, max_wait: float, max_queue: int) -> None:
        self.answer = answer
        self.max_batch = max_batch
        self.max_wait = max_wait
        self.max_queue = max_queue
        self.waiting = 0
        self.answered = 0
        self.batches = 0
        self.busy_since: float | None = None
        self._jobs: deque[Job] = deque()
        self._closed = False
        self._changed = threading.Condition()
        # A daemon: a model that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def submit(self, records: Sequence[Any]) -> "Future[Answers]":
        """Put a request into the queue.

        Raises:
            FullError: its records have no room there.
            ClosedError: the queue takes no more.
        """
        job = Job(records)
        with self._changed:
            if self._closed:
                raise ClosedError
            if self.waiting + len(records) > self.max_queue:
                raise FullError
            self._jobs.append(job)
            self.waiting += len(records)
            self._changed.notify()
        job.future.add_done_callback(lambda future: self._leave(job) if future.cancelled() else None)
        return job.future

    def close(self, timeout: float | None = None) -> bool:
        """Take no more, answer what waits, end the thread; whether it ended in time."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def busy_for(self) -> float:
        """Seconds that the batch at hand has taken so far."""
        since = self.busy_since
        return time.monotonic() - since if since is not None else 0.0

    def _leave(self, job: Job) -> None:
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)
                self.waiting -= len(job.records)

    def _work(self) -> None:
        while jobs := self._take():
            running = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if running:
                self.busy_since = time.monotonic()
                self._answer(running)
                self.busy_since = None

    def _take(self) -> list[Job]:
        """The requests of the next batch, once it is full or the oldest has waited long enough; none at the end."""
        with self._changed:
            while not self._closed and (wait := self._time_left()) != 0:
                self._changed.wait(wait)
            taken: list[Job] = []
            size = 0
            while self._jobs and (not taken or size + len(self._jobs[0].records) <= self.max_batch):
                taken.append(self._jobs.popleft())
                size += len(taken[-1].records)
            self.waiting -= size
            return taken

    def _time_left(self) -> float | None:
        """Seconds until the next batch is due; None while nobody waits."""
        if not self._jobs:
            return None
        if self.waiting >= self.max_batch:
            return 0
        return max(0.0, self._jobs[0].arrived + self.max_wait - time.monotonic())

    def _answer(self, jobs: list[Job]) -> None:
        """Answer a batch; where that fails, each request alone, so that one can't spoil the others."""
        records = [record for job in jobs for record in job.records]
        try:
            answers = self.answer(records)
            if len(answers) != len(records):
                raise RuntimeError(f"{len(records)} records got {len(answers)} answers")
        except BaseException as error:  # whatever it is, the thread goes on
            if len(jobs) > 1:
                for job in jobs:
                    self._answer([job])
            else:
                jobs[0].future.set_exception(error)
            return
        self.batches += 1
        self.answered += len(records)
        begin = 0
        for job in jobs:
            end = begin + len(job.records)
            job.future.set_result(answers[begin:end])
            begin = end
