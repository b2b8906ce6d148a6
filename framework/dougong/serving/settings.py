"""What `dougong serve` can be told. Read without torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True)
class ServeSettings:
    """Where the service listens, how it makes batches, and what it refuses.

    Args:
        host: the address to listen on; that of this machine alone unless you say otherwise.
        port: 0 for any that is free.
        max_batch: records that are answered at once, at most; a larger request makes a batch of its own.
        max_wait_ms: milliseconds that the first record of a batch waits for others.
        max_queue: records that may wait for their turn; what comes on top of them is refused.
        max_bytes: the largest body of a request.
        max_connections: how many clients may be connected.
        timeout_seconds: how long a request may take, waiting included.
        device: where the model computes; "auto" takes a GPU where there is one.
        allowed_hosts: names by which clients may call this machine, beside localhost, its addresses and `host`.
        plugin_path: folders of plugins of your own.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Ge(0), Le(65535)] = 8000
    max_batch: Annotated[int, Ge(1)] = 32
    max_wait_ms: Annotated[float, Ge(0)] = 5.0
    max_queue: Annotated[int, Ge(1)] = 1000
    max_bytes: Annotated[int, Ge(1)] = 2**20
    max_connections: Annotated[int, Ge(1)] = 1000
    timeout_seconds: Annotated[float, Gt(0)] = 30.0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    allowed_hosts: tuple[str, ...] = ()
    plugin_path: tuple[str, ...] = ()
