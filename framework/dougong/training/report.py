"""The lines before and after a training: what is trained on what, and where everything is."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dougong.contracts.data import Data
from dougong.training.module import parameter_groups
from dougong.training.precision import choose

if TYPE_CHECKING:
    from dougong.training.fit import Session
    from dougong.training.prepare import EncodedSplit
    from dougong.training.run import RunResult


def start(session: "Session", data: Data, facts: Mapping[str, Any]) -> None:
    """Say what is going to be trained."""
    config, trainer = session.config, session.settings.trainer
    sizes = ", ".join(_size(split, part) for split, part in session.splits.items())
    skipped = f"; {data.bad_rows:,} bad rows left out" if data.bad_rows else ""
    say("data", f"{config['data']['name']} ({sizes}{skipped})")
    for remark in session.task.remarks():
        say("", remark)
    parts = [f"{name}={shown}" for name in config if (shown := _chosen(config[name])) and name not in _ELSEWHERE]
    say("model", " ".join(parts))
    say(
        "",
        f"{facts['parameters']:,} parameters, on {session.device}, in {choose(trainer.precision, session.device)[1]}",
    )
    say("optimizer", f"{config['optimizer']['name']} with {config['schedule']['name']}")
    say("", decay(session))
    say("run", _short(session.folder))


def finish(result: "RunResult") -> None:
    """Say what came of it, where it is, and what to do next."""
    print()
    if result.status == "interrupted":
        go_on = f"; go on with: dougong train resume={shlex.quote(_short(result.folder))}" if result.checkpoint else ""
        say("stopped", f"after {result.seconds:,.0f} s{go_on}")
    else:
        say("finished", f"in {result.seconds:,.0f} s")
        for split in ("valid", "test"):
            if shown := _metrics(result.metrics, split):
                say(split, shown)
    if result.checkpoint is not None:
        say("checkpoint", _short(result.checkpoint))
    say("records", f"{_short(result.folder)}/ (config.yaml, metrics.csv, train.log)")
    for line in result.notes:
        print(line)
    if result.checkpoint is not None and result.status == "finished":
        print("\nTry next:")
        print(f'  dougong predict checkpoint={_short(result.checkpoint)} text="..."')
        print(f"  dougong evaluate checkpoint={_short(result.checkpoint)}")
        print("  dougong train attention=local        # dougong plugins lists what else there is")


def _size(split: str, part: "EncodedSplit") -> str:
    pieces = f" in {len(part.examples):,} pieces" if len(part.examples) != len(part) else ""
    return f"{split} {len(part):,}{pieces}"


def _metrics(metrics: Mapping[str, float], split: str) -> str:
    found = {name.removeprefix(f"{split}/"): value for name, value in metrics.items() if name.startswith(f"{split}/")}
    return "  ".join(f"{name} {value:.4f}" for name, value in found.items())


def say(what: str, line: str) -> None:
    """One aligned line."""
    print(f"{what:<11}{line}", flush=True)


def decay(session: "Session") -> str:
    """What weight decay acts on, in words."""
    weight_decay = session.config["optimizer"].get("weight_decay")
    if not weight_decay:
        return "no weight decay"
    groups = parameter_groups(session.task, session.settings.trainer.decay)
    counts = {"weight_decay" in group: sum(item.numel() for item in group["params"]) for group in groups}
    line = f"weight decay {weight_decay:g} on {counts.get(False, 0):,} parameters"
    return line + (f", none on {counts[True]:,} (biases, norms, embeddings)" if True in counts else "")


_ELSEWHERE = ("data", "optimizer", "schedule", "tracker", "callback", "trainer", "loader")


def _chosen(node: Any) -> str:
    if not isinstance(node, dict):
        return ""
    if "name" in node:
        return str(node["name"])
    names = [str(item["name"]) for item in node.values() if isinstance(item, dict) and "name" in item]
    return names[0] if len(names) == 1 else f"[{','.join(names)}]" if names else ""


def _short(path: Path) -> str:
    """The path from here, where that is shorter."""
    relative = os.path.relpath(path)
    return min(relative, str(path), key=len)
