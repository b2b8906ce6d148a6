"""Services to ask."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")
pytest.importorskip("httpx", reason="httpx, the client of these tests, is not installed")

from served import Served, StandIn


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts services, and stops them after the test."""
    started: list[Served] = []

    def start(model: Any = None, **settings: Any) -> Served:
        started.append(Served(model or StandIn(), **settings))
        return started[-1]

    yield start
    for served in started:
        served.stop()
