"""Requests on their way to the model: let in, answered, or refused."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from dougong.data.records import fields_of
from dougong.errors import UserError
from dougong.serving.batcher import Batcher, ClosedError, FullError
from dougong.serving.body import parse, read_body, records_of
from dougong.serving.refusal import RefusedError, json_response
from dougong.serving.settings import ServeSettings

log = logging.getLogger(__name__)


class Answering(Protocol):
    """What is asked of a model, which a `Model` does."""

    def as_record(self, given: Any, source: str) -> Any:
        """What was given as a record."""

    def answers(self, records: Iterable[Any]) -> Iterable[tuple[Any, dict[str, Any]]]:
        """Records, each with what was predicted for it."""


class Service:
    """A model, the queue before it, and how many requests are inside.

    Args:
        model: answers records; in the queue's thread alone.
        settings: the limits.
    """

    def __init__(self, model: Answering, settings: ServeSettings) -> None:
        self.model = model
        self.settings = settings
        self.inside = 0
        self.stopping = False
        self.batcher = Batcher(self._answers, settings.max_batch, settings.max_wait_ms / 1000, settings.max_queue)

    def _answers(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        return [{**fields_of(record), **answer} for record, answer in self.model.answers(records)]

    async def predict(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            RefusedError: it is not answered.
        """
        if self.stopping:
            raise _stopping()
        self.inside += 1
        try:
            deadline = time.monotonic() + self.settings.timeout_seconds
            body = await read_body(request, self.settings.max_bytes, self.settings.timeout_seconds)
            given = parse(body)
            records = records_of(given, self.model)
            answers = await self._queued(request, records, deadline) if records else []
            return json_response(answers if isinstance(given, list) else answers[0])
        finally:
            self.inside -= 1

    async def _queued(self, request: Request, records: list[Any], deadline: float) -> list[Any]:
        """The answers of the model, unless time or the client runs away first."""
        limit = self.settings.max_queue
        if len(records) > limit:
            raise RefusedError(413, f"{len(records):,} records are more than the {limit:,} of max_queue.")
        try:
            future = asyncio.wrap_future(self.batcher.submit(records))
        except FullError:
            raise RefusedError(429, f"the queue of {limit:,} records (max_queue) is full.", retry=True) from None
        except ClosedError:
            raise _stopping() from None
        # After the body, the next that is heard of a client is that it has left.
        left = asyncio.ensure_future(request.receive())
        try:
            wait = max(0.0, deadline - time.monotonic())
            awaited: set[asyncio.Future[Any]] = {future, left}
            await asyncio.wait(awaited, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise self._not_answered(left.done())
            return _result(future)
        finally:
            left.cancel()
            future.cancel()

    def _not_answered(self, left: bool) -> RefusedError:
        if left:
            return RefusedError(499, "the client has left.")
        seconds = self.settings.timeout_seconds
        return RefusedError(504, f"not answered within {seconds:g} s (timeout_seconds).", retry=True)

    def health(self) -> tuple[str, int]:
        """How the service is, and a status: a model that hangs is not well."""
        if self.stopping:
            return "stopping", 503
        if self.batcher.busy_for() > self.settings.timeout_seconds:
            return "stuck", 503
        return "ready", 200


def _result(future: "asyncio.Future[list[Any]]") -> list[Any]:
    try:
        return future.result()
    except UserError as error:
        raise RefusedError(422, str(error)) from None
    except BaseException as error:
        log.error("the model failed on a request", exc_info=error)
        raise RefusedError(500, "the model failed on this request; the server's log says why.") from None


def _stopping() -> RefusedError:
    return RefusedError(503, "the server is about to stop.", retry=True)
