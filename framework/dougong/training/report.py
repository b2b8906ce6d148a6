"""The lines before and after a training: what is trained on what, and where everything is."""

import importlib.util
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dougong.contracts.data import Data
from dougong.training.groups import matching, parameter_groups
from dougong.training.precision import choose

if TYPE_CHECKING:
    from dougong.training.prepare import EncodedSplit
    from dougong.training.run import RunResult
    from dougong.training.session import Session


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
    for number, line in enumerate(session.loaded):
        say("" if number else "pretrained", line)
    for number, line in enumerate(session.adapted):
        say("" if number else "adapted", line)
    wrapped = f" in {', '.join(config['wrapper'])}" if config.get("wrapper") else ""
    say("optimizer", f"{config['optimizer']['name']}{wrapped} with {config['schedule']['name']}")
    say("", decay(session))
    for line in groups(session):
        say("", line)
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
        print("  dougong runs                         # those so far; dougong dashboard shows them live")
        for line in _in_terminal(result.folder):
            print(line)


def _in_terminal(folder: Path) -> Iterator[str]:
    """What shows an offline run of wandb's here, where wandb has it."""
    newest = folder / "wandb" / "latest-run"
    found = importlib.util.find_spec("wandb") if newest.exists() else None
    has = found and found.origin and (Path(found.origin).parent / "cli" / "leet.py").exists()
    if has and any(newest.glob("*.wandb")) and newest.resolve().name.startswith("offline-"):
        yield f"  wandb beta leet {shlex.quote(_short(newest))}   # its curves in this terminal"


def _size(split: str, part: "EncodedSplit") -> str:
    pieces = f" in {len(part.examples):,} pieces" if len(part.examples) != len(part) else ""
    pieces = pieces if part.encoded else " encoded as needed"
    return f"{split} {len(part):,}{pieces}"


def _metrics(metrics: Mapping[str, float], split: str) -> str:
    found = {name.removeprefix(f"{split}/"): value for name, value in metrics.items() if name.startswith(f"{split}/")}
    return "  ".join(f"{name} {value:.4f}" for name, value in found.items())


def say(what: str, line: str) -> None:
    """One aligned line."""
    print(f"{what:<11}{line}", flush=True)


def decay(session: "Session") -> str:
    """What weight decay acts on, in words."""
    usual = session.config["optimizer"].get("weight_decay")
    counts: dict[float, int] = {}
    for group in parameter_groups(session.task, session.settings.trainer.decay, session.groups):
        value = 0.0 if usual is None else group.get("weight_decay", usual)
        counts[value] = counts.get(value, 0) + sum(item.numel() for item in group["params"])
    if not any(counts):
        return "no weight decay"
    lines = [f"{value:g} on {count:,} parameters" for value, count in counts.items() if value]
    spared = " (biases, norms, embeddings)" if not session.groups.groups else ""
    return f"weight decay {', '.join(lines)}" + (f", none on {counts[0.0]:,}{spared}" if 0.0 in counts else "")


def groups(session: "Session") -> Iterator[str]:
    """What holds for some of the parameters alone, in words."""
    if session.groups.layer_decay is not None:
        yield f"learning rate times {session.groups.layer_decay:g} from each layer to the one below"
    for pattern, entry in session.groups.groups.items():
        said = [] if entry.lr_scale is None else [f"learning rate times {entry.lr_scale:g}"]
        said += [] if entry.weight_decay is None else [f"weight decay {entry.weight_decay:g}"]
        said += [] if entry.freeze is None else ["frozen" if entry.freeze else "not frozen"]
        said += [] if entry.freeze_until is None else [f"frozen {_span(entry.freeze_until)}"]
        size = sum(item.numel() for item in matching(session.task, pattern))
        yield f"{pattern}: {', '.join(said)} ({size:,} parameters)"


def _span(updates: float) -> str:
    return f"for {updates:.3g} of the updates" if updates < 1 else f"until update {updates:g}"


_ELSEWHERE = ("data", "optimizer", "wrapper", "schedule", "tracker", "callback", "trainer", "loader")


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
