"""Serves Trackio's dashboard to this machine alone."""

import contextlib
import io
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from dougong.dashboard.store import HINT, PROJECT
from dougong.errors import UserError

HOST = "127.0.0.1"
FIRST_PORT = 7860
PORTS = 100
PAUSE = 2.0
"""Seconds between two looks at the runs; more, where a look takes long."""
LAST_LOOK = 5.0
"""Seconds that the look which is under way may take after the end."""

logger = logging.getLogger(__name__)


def bind(port: int | None) -> socket.socket:
    """A socket that only this machine can reach.

    Args:
        port: which; None for the first free one from 7860, 0 for any.

    Raises:
        UserError: it is taken.
    """
    for candidate in [port] if port is not None else range(FIRST_PORT, FIRST_PORT + PORTS):
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((HOST, candidate))
            found.listen(128)
            return found
        except OSError as error:
            found.close()
            problem = error.strerror
    where = f"{port}" if port is not None else f"{FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
    raise UserError(f"port: {where} can't be used ({problem}); name another, as port=8000.")


def address(found: socket.socket) -> str:
    """What to open in a browser."""
    return f"http://{HOST}:{found.getsockname()[1]}/?project={PROJECT}"


def application() -> Any:
    """Trackio's pages, which only read: what would change a run asks for a word that nobody is told.

    Raises:
        UserError: Trackio is not installed.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            from starlette.middleware.trustedhost import TrustedHostMiddleware
            from trackio.server import build_starlette_app_only

            app, _ = build_starlette_app_only(mcp_server=False)
    except ImportError as error:
        raise UserError(HINT) from error
    # Otherwise a page of another site could read here, under a name that leads to this machine.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return app


@contextlib.contextmanager
def until_told() -> Iterator[None]:
    """Within, ctrl-C and SIGTERM end what is done, and what is temporary is removed."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def serve(app: Any, found: socket.socket, look: Callable[[], Any]) -> None:
    """Serve, and look at the runs all the while."""
    import uvicorn

    ended = threading.Event()
    looking = threading.Thread(target=_keep_looking, args=(look, ended), name="runs", daemon=True)
    looking.start()
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    try:
        uvicorn.Server(config).run(sockets=[found])
    finally:
        ended.set()
        looking.join(LAST_LOOK)


def _keep_looking(look: Callable[[], Any], ended: threading.Event) -> None:
    pause = 0.0
    while not ended.wait(pause):
        begun = time.monotonic()
        try:
            look()
        except Exception as error:  # a full disk, say: the next look may find it mended
            logger.warning("the runs could not be read (%s: %s)", type(error).__name__, error)
        pause = max(PAUSE, 5 * (time.monotonic() - begun))


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
