"""Hands over a benchmark's results: on the screen, as CSV, and as a picture."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from dougong.benchmark import plot
from dougong.benchmark.results import Row, write_csv
from dougong.benchmark.settings import AttentionSettings
from dougong.benchmark.table import show
from dougong.errors import UserError

WIDTH = 110


def report(rows: Sequence[Row], settings: AttentionSettings, device: str, folder: Path) -> None:
    """Print the table, and write the files.

    Raises:
        UserError: the folder can't be written.
    """
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    about = conditions(settings, device)
    title = ", ".join(f"{name} {value}" for name, value in about.items())
    console.print(title, soft_wrap=True)
    show(rows, console)
    paths = [folder / f"attention.{ending}" for ending in ("csv", "png", "svg")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(rows, about, paths[0])
        if plot.available() and any(row.status == "measured" for row in rows):
            plot.draw(rows, title, paths[1:])
        else:
            del paths[1:]
    except OSError as error:
        raise UserError(f"output: {folder} can't be written ({error.strerror}).") from error
    console.print(f"Written: {', '.join(map(str, paths))}", soft_wrap=True, markup=False)
    if not plot.available():
        console.print(plot.HINT, soft_wrap=True, markup=False)


def conditions(settings: AttentionSettings, device: str) -> dict[str, Any]:
    """What holds for all rows."""
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"cpu ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "dtype": settings.dtype,
        "batch": settings.batch,
        "heads": settings.heads,
        "head_dim": settings.head_dim,
        "causal": str(settings.causal).lower(),
    }
