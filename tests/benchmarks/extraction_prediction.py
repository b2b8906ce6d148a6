"""Answering 1,000 texts in batches or one at a time: `python tests/benchmarks/extraction_prediction.py [TASK ...]`.

One at a time is how published baselines predict: each text by itself, through the `predict` of the model. A bare loop
spares what `predict` sets up for each call: a text is encoded, run through the network and decoded, no more. All have
the same model, trained for a little while on the embedded data, and take turns; medians over the rounds are printed, of
the ratios too, and how many answers are the same.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import dougong
from dougong.contracts.task import Prediction
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.inference.model import Model, load
from dougong.testing.task_trial import open_record
from dougong.training.precision import autocast
from dougong_plugins.data.toy import Toy

TEXTS = 1000
TASKS = {
    "reading_comprehension": ("experiment=toy_reading_comprehension",),
    "relation_extraction": ("experiment=toy_relation_extraction",),
    "tagging": ("experiment=toy_tagging",),
    "event_extraction": ("experiment=toy_event_extraction",),
}
"""Of each task, what trains a model that finds something."""


def trained(task: str, updates: int, folder: Path) -> Model:
    """A model of the task, trained for so many updates."""
    quiet = ("tracker=[]", "trainer.progress=none", "data.test_size=1", "data.valid_size=16")
    run = dougong.train([*TASKS[task], *quiet, f"trainer.max_updates={updates}"], folder)
    assert run.checkpoint is not None
    return load(run.checkpoint)


def batched(model: Model, records: Sequence[Any]) -> list[Prediction]:
    """All at once, as `dougong predict` does."""
    return [answer for _, answer in model.answers(records)]


def one_at_a_time(model: Model, records: Sequence[Any]) -> list[Prediction]:
    """Each record in a call of its own."""
    return [answer for record in records for _, answer in model.answers([record])]


def bare_loop(model: Model, records: Sequence[Any]) -> list[Prediction]:
    """Each example of each record in a batch of its own, and no more than has to be."""
    task, found = model.task, []
    with torch.inference_mode(), autocast(model.precision, model.device):
        for record in records:
            examples = pack([task.encode([record])])
            maker = BatchMaker(examples, task.padding_values())
            batches = (maker[np.array([number])] for number in range(len(examples)))
            found.append(task.join([task.answer(batch, [record])[0] for batch in batches], record))
    return found


SCHEMES = (batched, one_at_a_time, bare_loop)


def timed(call: Callable[[], list[Prediction]]) -> tuple[float, list[Prediction]]:
    """Seconds, and the answers."""
    begin = time.perf_counter()
    answers = call()
    return time.perf_counter() - begin, answers


def compare(name: str, model: Model, records: Sequence[Any], rounds: int) -> None:
    """Print a row of the table."""
    for scheme in SCHEMES:
        scheme(model, records[:50])
    times, alike = [], 0
    for _ in range(rounds):
        seconds, answers = zip(*(timed(partial(scheme, model, records)) for scheme in SCHEMES), strict=True)
        times.append(seconds)
        alike = sum(_places(one) == _places(other) for one, other in zip(*answers[:2], strict=True))
    rates = " | ".join(f"{len(records) / statistics.median(column):,.0f}" for column in zip(*times, strict=True))
    ratios = (statistics.median(row[place] / row[0] for row in times) for place in (1, 2))
    shown = " | ".join(f"{ratio:.1f}" for ratio in ratios)
    print(f"| {name} | {rates} | {shown} | {alike:,} of {len(records):,} |", flush=True)


def _places(answer: Any) -> Any:
    """An answer without its scores, which rounding moves."""
    if isinstance(answer, dict):
        return {name: _places(value) for name, value in answer.items() if not isinstance(value, float)}
    return [_places(item) for item in answer] if isinstance(answer, list | tuple) else json.dumps(answer)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=[*TASKS])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=300)
    options = parser.parse_args()
    print(f"{torch.__version__}, {torch.get_num_threads()} threads, {TEXTS:,} texts, medians of {options.rounds}\n")
    print("| task | in batches, texts/s | one at a time | bare loop | ratio | ratio to the bare loop | same answers |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in options.tasks:
        with tempfile.TemporaryDirectory() as folder:
            model = trained(name, options.updates, Path(folder) / "run")
        accepts = model.task.accepts
        records = [open_record(accepts, record) for record in Toy(test_size=TEXTS).records("test", accepts)]
        compare(name, model, records, options.rounds)


if __name__ == "__main__":
    main()
