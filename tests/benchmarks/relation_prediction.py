"""Relations of 1,000 sentences at once, and one sentence at a time: `python tests/benchmarks/relation_prediction.py`.

Both schemes answer with the same model, on the embedded data; a checkpoint may be named, else one is trained. As
published, a sentence goes through the encoder once for its subjects, and once more, in as many copies as it has
subjects, for their objects (`extract_spoes` in examples/task_relation_extraction.py of bert4keras).
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

import dougong
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.data.records import RelationText
from dougong.inference.model import Model
from dougong.training.precision import autocast
from dougong_plugins.data.toy import Toy
from dougong_plugins.task.relation_extraction import RelationExtraction

SENTENCES, ROUNDS = 1000, 3

Answers = list[set[tuple[str, str, str]]]
Scheme = Callable[[Model, Sequence[str]], Answers]


def published(model: Model, texts: Sequence[str]) -> Answers:
    """One sentence at a time."""
    found = []
    with torch.inference_mode(), autocast(model.precision, model.device):
        for text in texts:
            found.append(set(_triples_of(model, text)))
    return found


def _triples_of(model: Model, text: str) -> Iterator[tuple[str, str, str]]:
    task: Any = model.task
    start, end = task.head.least
    (example,) = task.encode([RelationText(text)])
    batch = BatchMaker(pack([[example]]), task.padding_values())[np.zeros(1, np.int64)]
    batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
    scores = task(batch).subjects[0].sigmoid().cpu().numpy() ** 2
    starts, ends = np.where(scores[:, 0] > start)[0], np.where(scores[:, 1] > end)[0]
    subjects = [(first, ends[ends >= first][0]) for first in starts if (ends >= first).any()]
    if not subjects:
        return
    copies = {**batch, "tokens": batch["tokens"].repeat(len(subjects), 1)}
    first, last = torch.tensor(np.array(subjects), device=model.device).unbind(-1)
    objects = task.head.objects(task(copies).states, torch.arange(len(subjects), device=model.device), first, last)
    begins, finals = example["starts"], example["ends"]
    for subject, found in zip(subjects, objects.sigmoid().cpu().numpy() ** 4, strict=True):
        opened, closed = np.where(found[:, 0] > start), np.where(found[:, 1] > end)
        for begin, label in zip(*opened, strict=True):
            for final, other in zip(*closed, strict=True):
                if begin <= final and label == other:
                    named = text[begins[subject[0]] : finals[subject[1]]]
                    yield named, task.labels[label][0], text[begins[begin] : finals[final]]
                    break


def at_once(model: Model, texts: Sequence[str]) -> Answers:
    """All sentences, then all their subjects."""
    return [
        {(item["subject"]["text"], item["predicate"], item["object"]["text"]) for item in answer["triples"]}
        for answer in model.predict(texts)
    ]


def seconds(scheme: Scheme, model: Model, texts: Sequence[str]) -> tuple[float, Answers]:
    """The least of a few rounds, and the answers."""
    times = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        answers = scheme(model, texts)
        times.append(time.perf_counter() - before)
    return min(times), answers


def compare(model: Model, texts: Sequence[str]) -> tuple[float, float]:
    """Seconds of the published scheme and of ours, which find the same."""
    slow, expected = seconds(published, model, texts)
    fast, found = seconds(at_once, model, texts)
    different = sum(one != other for one, other in zip(expected, found, strict=True))
    print(f"{len(texts):,} sentences, {sum(map(len, found)):,} triples, {different} sentences with other answers")
    print(f"one sentence at a time {slow:.2f} s, at once {fast:.2f} s: {slow / fast:.1f} times as fast")
    return slow, fast


def main() -> None:
    """Measure."""
    texts = [record.text for record in Toy(test_size=2 * SENTENCES).records("test", RelationText)]
    with TemporaryDirectory() as folder:
        checkpoint = Path(sys.argv[1]) if len(sys.argv) > 1 else _trained(Path(folder))
        model = dougong.load(checkpoint)
    assert isinstance(model.task, RelationExtraction)
    # What is cut into windows is no single sentence for the published scheme.
    compare(model, [text for text in texts if len(text) <= model.task.room][:SENTENCES])


def _trained(folder: Path) -> Path:
    result = dougong.train(["experiment=toy_relation_extraction", "tracker=csv"], folder=folder / "run")
    assert result.checkpoint is not None
    return result.checkpoint


if __name__ == "__main__":
    main()
