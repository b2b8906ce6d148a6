"""What the user sees of a running benchmark: a bar in a terminal, a line for each length elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

REFRESH = 0.1  # seconds


@contextmanager
def shown(total: int) -> Iterator[Callable[[str, int], None]]:
    """A function to tell what is being done, and how many of `total` measurements are."""
    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal and not console.is_dumb_terminal:
        with _bar(console, total) as draw:
            yield draw
        return
    said: list[str] = []

    def tell(text: str, done: int) -> None:
        length, _, doing = text.partition(": ")
        if doing and length not in said:
            said.append(length)
            console.print(f"{length} ...")

    yield tell


@contextmanager
def _bar(console: Console, total: int) -> Iterator[Callable[[str, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawn between two passes only: a thread that draws would take part of the machine.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        task = bar.add_task("starting", total=total)
        drawn = 0.0

        def draw(text: str, done: int) -> None:
            nonlocal drawn
            bar.update(task, description=text, completed=done)
            if time.perf_counter() - drawn > REFRESH:
                bar.refresh()
                drawn = time.perf_counter()

        yield draw
