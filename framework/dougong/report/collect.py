"""What a report says of runs, as plain values for its page."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dougong
from dougong.report.comparison import comparison
from dougong.report.measures import columns, main_metric, measures_of, summary
from dougong.runs.differences import SEED, Settings, as_text, differences, label, settings_of, variants
from dougong.runs.predictions import read_predictions
from dougong.runs.read import Run
from dougong.runs.words import command

SPLIT = "test"


def collect(runs: Sequence[Run], examples: int) -> dict[str, Any]:
    """Everything but the curves.

    Args:
        examples: wrong predictions to show at most.
    """
    names, settings = differences(runs)
    measures = [measures_of(run) for run in runs]
    groups = variants([settings_of(run.config) for run in runs])
    of_run = {place: number for number, group in enumerate(groups) for place in group}
    shown = columns(runs, measures)
    return {
        "version": dougong.__version__,
        "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "main": main_metric(runs),
        "settings": names,
        "measures": shown,
        "runs": [
            {
                **_run(run, name),
                "variant": of_run[place],
                "settings": _values(settings[place]),
                "values": measures[place],
            }
            for place, (run, name) in enumerate(zip(runs, run_names(runs), strict=True))
        ],
        "variants": [_variant(group, settings, measures, [item["name"] for item in shown]) for group in groups],
        "comparison": comparison([read_predictions(run.folder, SPLIT) for run in runs], groups, examples),
    }


def run_names(runs: Sequence[Run]) -> list[str]:
    """What tells the folders apart: their paths below the folder that holds them all."""
    folders = [run.folder.resolve() for run in runs]
    if len(folders) == 1:
        return ["/".join(folders[0].parts[-2:])]
    top = Path(os.path.commonpath(folders))
    return [folder.relative_to(top).as_posix() for folder in folders]


def _run(run: Run, name: str) -> dict[str, Any]:
    packages = run.facts.get("packages")
    facts = {key: value for key, value in run.facts.items() if key not in ("packages", "higher_is_better")}
    facts |= packages if isinstance(packages, dict) else {}
    return {
        "name": name,
        "folder": str(run.folder),
        "state": run.state,
        "started": run.started,
        "command": command(run),
        "facts": {str(key): text for key, value in facts.items() if (text := _fact(value))},
        "error": str(run.record.get("error") or "") if run.state == "failed" else "",
        "problems": run.problems,
    }


def _fact(value: Any) -> str:
    """A fact in one line; of the plugins, those that did not come with Dougong, whose version is there already."""
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    shown = {key: item for key, item in value.items() if not str(item).startswith("built-in")}
    return ", ".join(f"{key}: {_fact(item)}" for key, item in shown.items())


def _values(settings: Settings) -> dict[str, Any]:
    """Numbers stay numbers, for sorting and for axes; all else is text."""
    return {
        name: value if isinstance(value, int | float) and not isinstance(value, bool) else as_text(value)
        for name, value in settings.items()
    }


def _variant(
    group: Sequence[int], settings: Sequence[Settings], measures: Sequence[dict[str, float]], names: Sequence[str]
) -> dict[str, Any]:
    own = {name: value for name, value in settings[group[0]].items() if name != SEED}
    found = {name: [measures[place][name] for place in group if name in measures[place]] for name in names}
    return {
        "label": label(own) or "all runs",
        "settings": _values(own),
        "runs": list(group),
        "values": {name: summary(values) for name, values in found.items() if values},
    }
