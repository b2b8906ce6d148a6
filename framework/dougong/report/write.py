"""The page as one file: data, style, code and the plotting library, with nothing left to load."""

import html
import json
import os
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dougong.errors import UserError
from dougong.report.collect import collect
from dougong.report.curves import curve_blocks
from dougong.runs.read import Run

SCRIPTS = ("data", "filter", "table", "details", "compare", "charts", "curves", "tradeoff", "sweep", "start")


def check_library() -> None:
    """Whether the plotting library is there.

    Raises:
        UserError: it is not.
    """
    if find_spec("plotly") is None:
        raise UserError("dougong report: needs plotly, which is not installed; pip install dougong[report] brings it.")


def write_report(runs: Sequence[Run], path: Path, examples: int) -> None:
    """Write the page, whole or not at all.

    Raises:
        UserError: the file can't be written.
    """
    from plotly.offline import get_plotlyjs

    parts = {
        "TITLE": html.escape(f"{len(runs):,} run{'s' if len(runs) != 1 else ''}"),
        "STYLE": _file("style.css"),
        "DATA": _json("data", collect(runs, examples)),
        "CURVES": "\n".join(_json(f"curves/{name}", block) for name, block in curve_blocks(runs).items()),
        "PLOTLY": get_plotlyjs(),
        "CODE": "\n".join(_file(f"{name}.js") for name in SCRIPTS),
    }
    page = _file("page.html")
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"output: {path} can't be written ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def _file(name: str) -> str:
    return (files("dougong.report") / "page" / name).read_text(encoding="utf-8")


def _json(name: str, value: Any) -> str:
    # A "<" in the data could end the script that holds it.
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{html.escape(name)}">{text}</script>'


def _plain(value: Any) -> Any:
    """Without infinities, which JSON does not know: a setting may be one."""
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
