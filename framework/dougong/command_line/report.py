"""`dougong report RUNS ... [output=FILE]`: many runs in one HTML page."""

from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from dougong.command_line.words import parse, value_of
from dougong.errors import UserError
from dougong.registry.values import convert
from dougong.report.write import check_library, write_report
from dougong.runs.folders import find_runs
from dougong.runs.read import read_run

USAGE = "usage: dougong report [RUNS ...] [output=report.html] [examples=200]"
HELP = f"""dougong report: many runs in one page

{USAGE}

  RUNS       folders of runs, or one run, or a whole multirun (default: outputs and multirun)
  output     the file to write (default: report.html)
  examples   wrong predictions to show at most

One HTML file that opens from disk, with no network: a table of runs that sorts and filters, mean and spread over seeds,
learning curves, trade-offs, the settings of a sweep, what is sure between two variants, wrong predictions side by side,
and the command that makes each run again.
"""


def run(arguments: list[str]) -> int:
    """Write the page."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    if unknown := [word for word in arguments if word.startswith("-")]:
        raise UserError(f"{unknown[0]}: there is no such option. {USAGE}")
    paths = [word for word in arguments if "=" not in word or Path(word).exists()]
    words = parse([word for word in arguments if word not in paths], ("output", "examples"), USAGE)
    examples = convert(Annotated[int, Ge(0)], value_of(words.get("examples", "200")), "examples")
    output = Path(words.get("output") or "report.html").expanduser()
    if output.is_dir():
        output = output / "report.html"
    if not output.parent.is_dir():
        raise UserError(f"output: the folder {output.parent} does not exist.")
    check_library()
    runs = sorted((read_run(folder) for folder in find_runs(paths)), key=lambda item: item.started)
    write_report(runs, output, examples)
    unread = sum(bool(item.problems) for item in runs)
    print(f"{output}: {len(runs):,} run{'s' if len(runs) != 1 else ''}, {output.stat().st_size / 2**20:.1f} MiB")
    if unread:
        print(f"{unread:,} of them could be read in part only; the page says what of each.")
    return 0
