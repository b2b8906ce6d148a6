"""`dougong evaluate checkpoint=FILE [data.KEY=VALUE ...] [split=test]`: score a checkpoint."""

import json
from collections.abc import Sequence
from typing import Any

from dougong.command_line.words import checkpoint_of, parse, value_of
from dougong.contracts.data import Data, Split
from dougong.data.records import Record
from dougong.errors import UserError

USAGE = "usage: dougong evaluate checkpoint=FILE [split=test] [data.KEY=VALUE ...] [plugin_path=DIR]"
HELP = f"""dougong evaluate: score a checkpoint on a split

{USAGE}

  checkpoint    the file that `dougong train` names at its end
  split         train, valid or test (default: test, or valid where the data has no test split)
  data          another data plugin than it was trained with
  data.KEY      a setting of the data plugin, data.path above all; the others are those of the training
  plugin_path   where the plugins of your own lie now

Prints one JSON object with the metrics.
"""


def run(arguments: list[str]) -> int:
    """Evaluate."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    print(json.dumps(evaluated(arguments), ensure_ascii=False))
    return 0


def evaluated(arguments: Sequence[str]) -> dict[str, Any]:
    """The metrics of what these words say, with the split, how many records it has, and how many rows were bad.

    Raises:
        UserError: a word, the checkpoint or the data is at fault.
    """
    words = parse(arguments, ("checkpoint", "split", "data", "data.", "plugin_path"), USAGE)
    checkpoint = checkpoint_of(words, USAGE)
    if words.get("split", "test") not in ("train", "valid", "test"):
        raise UserError(f"split: must be one of train, valid, test, got {words['split']!r}.")
    from dougong.inference.model import load

    model = load(checkpoint, [words["plugin_path"]] if "plugin_path" in words else [])
    data = make_data(model.config, words)
    split: Split = words.get("split") or _default_split(data, model.task.accepts)
    scores, count = model.evaluate(data, split)
    return {"split": split, "records": count, "bad_rows": data.bad_rows, **scores.metrics}


def _default_split(data: Data, record: type[Record]) -> Split:
    found = next(iter(data.records("test", record)), None)
    data.bad_rows = 0  # those that were met while looking are met again
    return "test" if found is not None else "valid"


def make_data(config: dict[str, Any], words: dict[str, Any]) -> Any:
    """The data plugin of the training with the settings that were given, or another one."""
    from dougong.training.assemble import Assembly

    name = words.get("data", config["data"]["name"])
    node = dict(config["data"]) if name == config["data"]["name"] else {"name": name}
    changed = {key.removeprefix("data."): value_of(value) for key, value in words.items() if key.startswith("data.")}
    assembly = Assembly({**config, "data": {**node, **changed}})
    return assembly.make("data")
