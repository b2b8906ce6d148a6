"""The addresses of the service."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dougong import __version__
from dougong.data.records import Record
from dougong.serving.description import fields_asked, operation
from dougong.serving.refusal import RefusedError, json_response
from dougong.serving.service import Service

PAGES = {
    "/": ("try.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/page/style.css": ("style.css", "text/css"),
    "/page/theme.js": ("theme.js", "text/javascript"),
    "/page/try.js": ("try.js", "text/javascript"),
    "/page/spans.js": ("spans.js", "text/javascript"),
    "/page/docs.js": ("docs.js", "text/javascript"),
}
LIMITS = ("max_batch", "max_queue", "max_bytes", "timeout_seconds")


def application(service: Service, name: str, record_type: type[Record], example: Any, answer: Any) -> FastAPI:
    """The application around a service.

    Args:
        name: of the model's task.
        record_type: what the model takes.
        example, answer: a record, and what the model says to it.
    """
    app = FastAPI(title=f"Dougong: {name}", version=__version__, docs_url=None, redoc_url=None)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(Exception, _failed)
    about = {
        "task": name,
        "record": record_type.__name__,
        "fields": fields_asked(record_type),
        "example": {"record": example, "prediction": answer},
        "limits": {key: getattr(service.settings, key) for key in LIMITS},
        "version": __version__,
    }
    _add_predict(app, service, operation(record_type, example, answer))
    _add_state(app, service, about)
    for path, (file, media_type) in PAGES.items():
        _add_page(app, path, file, media_type)
    return app


def _add_predict(app: FastAPI, service: Service, description: dict[str, Any]) -> None:
    @app.post("/predict", summary="Answer records", response_class=Response, openapi_extra=description)
    async def predict(request: Request) -> Response:
        return await service.predict(request)


def _add_state(app: FastAPI, service: Service, about: Mapping[str, Any]) -> None:
    @app.get("/health", summary="Whether requests are taken, and how many records wait", response_class=Response)
    async def health() -> Response:
        """200 while requests are taken; 503 when the server is about to stop, or the model hangs."""
        status, code = service.health()
        batcher = service.batcher
        counts = {"waiting": batcher.waiting, "answered": batcher.answered, "batches": batcher.batches}
        return json_response({"status": status, **counts}, code)

    @app.get("/model", summary="What the model takes, with an example", response_class=Response)
    async def model() -> Response:
        """The task, the fields of a record, an example with its answer, and the limits of this server."""
        return json_response(about)


def _add_page(app: FastAPI, path: str, file: str, media_type: str) -> None:
    content = (files("dougong.serving") / "page" / file).read_bytes()  # nothing is opened while requests come

    @app.get(path, include_in_schema=False)
    async def page() -> Response:
        return Response(content, media_type=media_type)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return error.response()


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = RefusedError(error.status_code, f"{error.detail}.").response()
    response.headers.update(error.headers or {})  # which methods there are, say
    return response


async def _failed(request: Request, error: Exception) -> Response:
    return RefusedError(500, "the server failed; its log says why.").response()
