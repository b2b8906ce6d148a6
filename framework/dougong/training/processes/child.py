"""`python -m dougong.training.processes.child FOLDER`: one of the processes that `launch` starts."""

import json
import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import yaml

from dougong.errors import UserError
from dougong.training.processes.place import place

STOPPED = 130


def main(folder: Path) -> int:
    """Run the job of the folder as the process that the environment says, and leave there what came of it."""
    threading.Thread(target=_die_with_the_parent, daemon=True).start()
    job = yaml.safe_load((folder / "job.yaml").read_text(encoding="utf-8"))
    _log_to(job["log"])
    code, outcome = _attempt(job)
    path = folder / f"outcome.{place().rank}.json"
    path.write_text(json.dumps({**outcome, "when": time.time()}, default=str), encoding="utf-8")
    return code


def _attempt(job: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    try:
        from dougong.training.run import run_here

        result = run_here(job["config"], Path(job["folder"]), job["resume"])
    except UserError as error:
        return 2, {"user_error": str(error)}
    except KeyboardInterrupt:
        return STOPPED, {"stopped": True}
    except Exception:
        return 1, {"trace": traceback.format_exc()}
    from dougong.training.processes import group

    group.leave()
    return 0, {"result": vars(result)}


def _die_with_the_parent() -> None:
    """Nobody would end this process, or read what it says, if that one were gone."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _log_to(path: str | None) -> None:
    """As the process that started this one: everything to the run's log, and warnings of the first to the terminal."""
    handlers: list[logging.Handler] = [logging.FileHandler(path, encoding="utf-8")] if path else []
    name = "" if place().first else f"[process {place().rank}]"
    for handler in handlers:
        handler.setFormatter(logging.Formatter(f"[%(asctime)s]{name}[%(name)s][%(levelname)s] %(message)s"))
    if place().first:
        console = logging.StreamHandler()
        console.setLevel(logging.WARNING)
        handlers.append(console)
    logging.basicConfig(level=logging.INFO if path else logging.WARNING, handlers=handlers or [logging.NullHandler()])


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of libraries may wait for processes that are gone.
    os._exit(code)
