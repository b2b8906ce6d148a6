"""Runs the commands of a page and writes what they print now into it: `python tests/docs/write_outputs.py PAGE ...`.

Lines that a page leaves out (`...`) stay out; a command whose output is `???` gets all of it. What no longer fits is an
error, as it is in the test: the page has to be rewritten by hand there.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
sys.path.insert(0, str(CHECKOUT / "tests" / "support"))

import pages  # noqa: E402

ALL = ["???"]


def rewritten(page: str, folder: Path, environment: Mapping[str, str]) -> str:
    """The page, with what its commands print in `folder`."""
    for block in list(pages.blocks(page)):
        if block.language != "console":
            pages.run(block, folder, environment)
            continue
        text = block.text
        for command, printed in pages.commands(block.text):
            output = pages.output_of(command, folder, environment)
            print(f"$ {command}", *output, sep="\n", flush=True)
            old = "".join(f"{line}\n" for line in printed)
            text = text.replace(old, "".join(f"{line}\n" for line in taken(command, printed, output)), 1)
        page = page.replace(block.text, text, 1)
    return page


def taken(command: str, printed: list[str], output: list[str]) -> list[str]:
    """The lines of an output that stand for those that were printed before."""
    while output and not output[-1].strip():
        output.pop()
    if printed == ALL:
        return output
    pages.compare(command, printed, output)
    lines: list[str] = []
    place = 0
    for line in printed:
        if line.strip() == "...":
            lines.append(line)
            continue
        place = next(index for index in range(place, len(output)) if pages.plain(output[index]) == pages.plain(line))
        lines.append(output[place].rstrip())
        place += 1
    return lines


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "page"
            folder.mkdir()
            paths = os.pathsep.join(str(CHECKOUT / part) for part in ("framework", "plugins"))
            environment = pages.environment(Path(temporary) / "programs", {**os.environ, "PYTHONPATH": paths})
            path = Path(name)
            path.write_text(rewritten(path.read_text(encoding="utf-8"), folder, environment), encoding="utf-8")
