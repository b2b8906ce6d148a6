"""The server around the application: it listens, and stops when what it took is answered."""

import logging
import math
import signal
import socket
import sys
from contextlib import AbstractContextManager, nullcontext
from types import FrameType

import uvicorn
from fastapi import FastAPI

from dougong.errors import UserError
from dougong.secrets import Formatter
from dougong.serving.guard import Guard
from dougong.serving.service import Service
from dougong.serving.settings import ServeSettings
from dougong.signals import Signals


class Server(uvicorn.Server):
    """Stops once the service is stopping and has answered all that it took; until then it goes on listening, so that
    whoever comes now is told."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Signals are taken by `Stop`."""
        return nullcontext()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        self.should_exit |= self.service.stopping and not self.service.inside
        return await super().on_tick(counter)


class Stop(Signals):
    """The first SIGTERM or ctrl-C lets the server finish; the second ends it."""

    def __init__(self, server: Server) -> None:
        super().__init__((signal.SIGTERM, signal.SIGINT))
        self.server = server
        self.first: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Called with the number of the signal."""
        if self.first is not None:
            self.server.should_exit = self.server.force_exit = True
        self.first = self.first or number
        self.server.service.stopping = True


def listen(host: str, port: int) -> socket.socket:
    """A socket at an address, before anything that takes time.

    Raises:
        UserError: the address can't be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UserError(f"host: {host} is no address of this machine ({error.strerror or error}).") from error
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
    except OSError as error:
        found.close()
        reason = f"port: {host}:{port} can't be listened on ({error.strerror}); port=0 takes a free one."
        raise UserError(reason) from error
    return found


def address_of(listening: socket.socket) -> str:
    """The address of a socket as one types it into a browser."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: FastAPI, service: Service) -> Server:
    """The server of an application."""
    settings: ServeSettings = service.settings
    config = uvicorn.Config(
        Guard(app, (settings.host, *settings.allowed_hosts)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.max_connections + 1,
        timeout_graceful_shutdown=math.ceil(settings.timeout_seconds),
    )
    return Server(config, service)


def run_until_stopped(server: Server, listening: socket.socket) -> int:
    """Serve; the exit code: 0 after SIGTERM, 130 after ctrl-C."""
    _log_to_standard_error()
    with Stop(server) as stop:
        server.run([listening])
    server.service.batcher.close(timeout=1.0)
    return 130 if stop.first == signal.SIGINT else 0


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("uvicorn", "dougong.serving"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.ERROR)  # a line for each request that is malformed would let clients fill the disk
