"""From the bytes of a request to records, each refusal with its reason."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request

from dougong.errors import FieldError, UserError
from dougong.serving.refusal import RefusedError


class Reader(Protocol):
    """What turns what was given into a record, as a `Model` does."""

    def as_record(self, given: Any, source: str) -> Any:
        """A record of the model's type."""


async def read_body(request: Request, max_bytes: int, timeout: float) -> bytes:
    """The body of a request.

    Raises:
        RefusedError: it is too large (413), does not arrive (408), or is not JSON by its own account (415).
    """
    _check_type(request.headers)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    try:
        return await asyncio.wait_for(_collect(request, max_bytes), timeout)
    except TimeoutError:
        raise RefusedError(408, f"the body did not arrive within {timeout:g} s.") from None
    except ClientDisconnect:
        raise RefusedError(499, "the client has left.") from None


def _check_type(headers: Mapping[str, str]) -> None:
    # Another site's page can send a form or a plain text without asking, JSON it can't.
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise RefusedError(415, f"Content-Type: must be application/json, got {given or 'none'}.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError(415, "Content-Encoding: a body that is compressed is not taken.")


async def _collect(request: Request, max_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(413, f"the body is larger than {max_bytes:,} bytes (max_bytes).")


def parse(body: bytes) -> Any:
    """The body as JSON.

    Raises:
        RefusedError: it is not (400).
    """
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"not UTF-8 at byte {error.start + 1}.") from None
    except json.JSONDecodeError as error:
        raise RefusedError(400, f"not JSON ({error.msg} at line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise RefusedError(400, "not JSON that can be read (nested too deep).") from None
    except ValueError:
        raise RefusedError(400, "not JSON that can be read (a number of too many digits).") from None


def records_of(given: Any, reader: Reader) -> list[Any]:
    """The records of a body: one, or a list of them.

    Raises:
        RefusedError: one is not a record of the model's type (422); it says which and what of it.
    """
    if not isinstance(given, list):
        return [_record(given, "", reader)]
    return [_record(item, f"[{number}]", reader) for number, item in enumerate(given)]


def _record(given: Any, place: str, reader: Reader) -> Any:
    try:
        return reader.as_record(given, place or "the record")
    except FieldError as error:
        raise RefusedError(422, str(error), f"{place}.{error.field}".lstrip(".")) from None
    except UserError as error:
        raise RefusedError(422, str(error), place) from None
