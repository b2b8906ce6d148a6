"""Requests that are not answered: a status, a line that says why, and the key at fault."""

import json
import math
from typing import Any

from starlette.responses import Response


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        message: one line for whoever sent it.
        key: what of its body is at fault, as `[2].text`.
        retry: whether the same request may be answered a little later.
    """

    def __init__(self, status: int, message: str, key: str | None = None, retry: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.key = key
        self.retry = retry

    def response(self) -> Response:
        """What is sent."""
        content = {"error": self.message, **({"key": self.key} if self.key is not None else {})}
        # The rest of a body that was not read would be taken for the next request.
        leave = self.status in (408, 413)
        headers = {**({"Retry-After": "1"} if self.retry else {}), **({"Connection": "close"} if leave else {})}
        return json_response(content, self.status, headers)


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response in JSON, written as `dougong predict` writes it; what JSON has no number for is null."""
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(content), ensure_ascii=False)
    return Response(text.encode(), status, headers, media_type="application/json")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
