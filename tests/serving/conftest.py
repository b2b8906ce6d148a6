"""Services to ask."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Starts services (`Served`), and stops them after the test."""
    from served import Served, StandIn  # here: where the extra is absent, they can't be imported

    started: list[Served] = []

    def start(model: Any = None, **settings: Any) -> Served:
        started.append(Served(model or StandIn(), **settings))
        return started[-1]

    yield start
    for served in started:
        served.stop()
