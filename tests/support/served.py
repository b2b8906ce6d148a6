"""A service in this process: a model of the test's own behind real sockets."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from dougong.data.records import LabelledText
from dougong.errors import UserError
from dougong.inference.model import Model
from dougong.serving.application import application
from dougong.serving.server import Server, address_of, listen, make_server
from dougong.serving.service import Service
from dougong.serving.settings import ServeSettings


class StandIn:
    """Answers each text with its length. It can be held up (`go`), and some texts make it fail."""

    task = SimpleNamespace(accepts=LabelledText)
    as_record: Callable[[Any, Any, str], Any] = Model.as_record

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()
        self.at_work = threading.Event()

    def answers(self, records: Iterable[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """As a model does."""
        asked = list(records)
        self.batches.append([record.text for record in asked])
        self.at_work.set()
        assert self.go.wait(60)
        for record in asked:
            yield record, {"length": self.length(record.text)}

    def length(self, text: str) -> float:
        """What is predicted."""
        if text == "not to be answered":
            raise UserError("this text is not to be answered.")
        if text == "bug":
            raise RuntimeError("a secret of ours in /a/path")
        if text == "exit":
            raise SystemExit(3)
        return float("nan") if text == "nan" else len(text)


class Served:
    """A server that runs in a thread.

    Args:
        model: what answers.
        settings: of the service.
    """

    def __init__(self, model: Any, **settings: Any) -> None:
        self.model = model
        self.service = Service(model, ServeSettings(port=0, **settings))
        example, answer = {"text": "An example."}, {"text": "An example.", "length": 11}
        app = application(self.service, "trial", model.task.accepts, example, answer)
        self.server: Server = make_server(app, self.service)
        self.socket = listen("127.0.0.1", 0)
        self.url = address_of(self.socket)
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],), daemon=True)
        self.thread.start()
        wait_until(lambda: self.server.started)

    def stop(self) -> None:
        """Stop as SIGTERM does."""
        if isinstance(self.model, StandIn):
            self.model.go.set()
        self.service.stopping = True
        self.thread.join(30)
        assert not self.thread.is_alive()
        assert self.service.batcher.close(10)


def wait_until(holds: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: it does not.
    """
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to this"
        time.sleep(0.005)


def run_client(client: Coroutine[Any, Any, Any]) -> Any:
    """What a client gets, run in a thread of its own: a browser that is open for other tests has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, client).result()
