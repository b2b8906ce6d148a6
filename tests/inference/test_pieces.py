"""Records that give several examples, and answers for a split of a data plugin."""

import json

import pytest

import dougong
from dougong.command_line.main import main

PLUGIN = '''
from collections.abc import Iterator

import torch
from dougong import register
from dougong.contracts.data import Data
from dougong.contracts.encoder import Encoder
from dougong.contracts.embedding import Inputs
from dougong.contracts.task import Loss, Scores, Task
from dougong.data.records import LabelledText


@register("task", "count_letters")
class CountLetters(Task):
    """Counts characters, in pieces of seven."""

    accepts = LabelledText
    main_metric = "exact"
    higher_is_better = True

    def __init__(self, encoder: Encoder, facts):
        super().__init__()
        self.encoder = encoder
        self.head = torch.nn.Linear(encoder.dim, 1)

    def encode(self, records):
        rows = []
        for number, record in enumerate(records):
            for begin in range(0, len(record.text), 7):
                piece = record.text[begin : begin + 7]
                tokens = self.encoder.tokenizer.encode([piece])[0].ids
                rows.append({"tokens": tokens, "record": number, "count": len(piece), "begin": begin})
        return rows

    def forward(self, batch):
        return self.head(self.encoder(Inputs(batch["tokens"], batch.get("padding_mask"))))[:, 0, 0]

    def loss(self, outputs, batch):
        return Loss(outputs.square().sum(), torch.tensor(float(len(outputs))))

    def predict(self, outputs, batch):
        pairs = zip(batch["begin"].tolist(), batch["count"].tolist(), strict=True)
        return [{"begin": begin, "count": count} for begin, count in pairs]

    def join(self, predictions, record):
        assert [item["begin"] for item in predictions] == list(range(0, len(record.text), 7))
        return {"count": sum(item["count"] for item in predictions)}

    def score(self, predictions, records):
        right = [item["count"] == len(record.text) for item, record in zip(predictions, records, strict=True)]
        return Scores({"exact": sum(right) / len(right)})
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a task whose records give several examples each."""
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "count_letters.py").write_text(PLUGIN, encoding="utf-8")
    settings = [
        f"plugin_path=[{folder}]",
        "task=count_letters",
        "encoder.layers=1",
        "embedding.dim=8",
        "encoder.heads=1",
    ]
    settings += ["data.size=60", "data.valid_size=30", "data.test_size=20", "tracker=csv", "trainer.max_updates=3"]
    return dougong.train([*settings, "loader.batch_size=16", "trainer=cpu"], folder / "run")


def test_the_examples_of_a_record_are_scored_as_one(run):
    assert run.metrics["valid/exact"] == run.metrics["test/exact"] == 1.0


def test_the_examples_of_a_record_are_answered_as_one_in_order(run):
    texts = ["x" * length for length in (30, 1, 7, 8, 100)]
    assert [answer["count"] for answer in dougong.load(run.checkpoint).predict(texts)] == [30, 1, 7, 8, 100]


def test_a_split_of_the_data_is_answered_record_by_record(run, capsys):
    assert main(["predict", f"checkpoint={run.checkpoint}", "split=test", "data.test_size=9"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 9
    assert all(answer["count"] == len(answer["text"]) for answer in answers)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["split=dev"], "split: must be one of train, valid, test, got 'dev'."),
        (["split=test", "text=a"], "text and split are both given; give one of them."),
        (["text=a", "data.size=3"], "data.size: goes with split=test"),
        (["split=test", "format=csv"], "format: must be submission, got 'csv'"),
        (["split=test", "format=submission"], "format=submission: Toy has no format of its own"),
    ],
)
def test_words_that_do_not_go_together_are_refused_in_one_line(run, capsys, words, said):
    assert main(["predict", f"checkpoint={run.checkpoint}", *words]) != 0
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
