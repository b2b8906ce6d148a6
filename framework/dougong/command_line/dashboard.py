"""`dougong dashboard [DIR ...] [port=N]`: runs in a live page of this machine."""

import tempfile
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from dougong.command_line.words import parse, value_of
from dougong.errors import UserError
from dougong.registry.values import convert
from dougong.runs.folders import find_runs

USAGE = "usage: dougong dashboard [DIR ...] [port=7860]"
HELP = f"""dougong dashboard: runs in a live page

{USAGE}

  DIR    folders of runs, or one run, or a whole multirun (default: outputs and multirun)
  port   of this machine (default: the first free one from 7860)

Trackio's dashboard, with no account and no network: curves by section, smoothing, grouping by any setting, tables, each
run's configuration. It shows what is in the folders, of every run, also while it goes on; it changes nothing there, and
only this machine can open it. Ctrl-C ends it.
"""


def run(arguments: list[str]) -> int:
    """Serve the page."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    if unknown := [word for word in arguments if word.startswith("-")]:
        raise UserError(f"{unknown[0]}: there is no such option. {USAGE}")
    paths = [word for word in arguments if "=" not in word or Path(word).exists()]
    words = parse([word for word in arguments if word not in paths], ("port",), USAGE)
    port = convert(Annotated[int, Ge(0), Le(65535)], value_of(words["port"]), "port") if "port" in words else None
    find_runs(paths)  # before anything is imported
    from dougong.dashboard.follow import Follower
    from dougong.dashboard.serve import address, application, bind, serve, until_told
    from dougong.dashboard.store import Store

    # What a look that goes on writes when it ends may be in the way of removing the folder.
    temporary = tempfile.TemporaryDirectory(prefix="dougong-dashboard-", ignore_cleanup_errors=True)
    with until_told(), bind(port) as found, temporary as folder:
        follower = Follower(paths, Store(Path(folder)))
        app = application()
        print(f"dashboard  {address(found)}\n           ctrl-C ends it; runs appear as they are read", flush=True)
        serve(app, found, follower.step)
    return 0
