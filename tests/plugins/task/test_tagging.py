"""Entities are exact slices of the text, whatever the tokenizer, the decoder and the windows do."""

import json
import random

import numpy as np
import pytest
import torch
from runs import train
from typed_spans import TOKENIZERS, evaluate

import dougong
from dougong.command_line.main import main
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.data.records import Entity, Span, TaggedText
from dougong.errors import UserError
from dougong_plugins.task.tagging import Tagging
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer

DECODERS = pytest.mark.parametrize("decoder", ["crf", "softmax", "pointer"])


def record(text: str, *entities: tuple[str, str]) -> TaggedText:
    """A text with (type, wording) entities, the first of each wording."""
    spans = [(name, wording, text.index(wording)) for name, wording in entities]
    return TaggedText(
        text, tuple(Entity(name, Span(wording, start, start + len(wording))) for name, wording, start in spans)
    )


HARD = [
    record("ＡＢＣ 公司的 José Ålund 在 ＩＢＭ工作", ("org", "ＡＢＣ"), ("per", "José Ålund"), ("org", "ＩＢＭ工作")),
    record("e\u0301tat à Paris, ﬁn", ("loc", "Paris"), ("x", "e\u0301tat"), ("x", "ﬁn")),
    record("他（👩‍🚀）与 İstanbul 的 x\u200by 都好", ("x", "👩‍🚀"), ("loc", "İstanbul"), ("x", "x\u200by")),
    record("[CLS] [MASK] [SEP]", ("x", "[MASK]")),
    record(""),
    record("  \n"),
    record("无"),
    record("长" * 300 + "京" + "短" * 5, ("loc", "长" * 300), ("x", "京"), ("per", "短" * 5)),
]


def task(decoder: str = "crf", kind=CharacterTokenizer, records=HARD, max_length: int = 12, overlap: int = 4, **more):
    """A small task whose windows are short."""
    tokenizer = kind()
    tokenizer.fit([item.text for item in records] * 2)
    encoder = dougong.create(
        "encoder",
        "transformer",
        embedding=dougong.create("embedding", "token", tokenizer=tokenizer, dim=8, max_length=64),
        attention=lambda layer: dougong.create("attention", "full"),
        layers=1,
        heads=1,
    )
    facts = Tagging.study(records)
    return Tagging(encoder, facts, max_length, overlap, decoder, **more).eval()


@TOKENIZERS
@DECODERS
@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_what_the_network_knows_comes_back_as_exact_slices_over_all_windows(kind, decoder, scheme):
    made = task(decoder, kind, scheme=scheme)
    joined, scores = evaluate(made, HARD)
    for answer, item in zip(joined, HARD, strict=True):
        for entity in answer["entities"]:
            span = entity["span"]
            assert item.text[span["start"] : span["end"]] == span["text"]
    if kind in (CharacterTokenizer, ByteTokenizer):
        assert scores.metrics["f1"] == 1.0
        assert len(scores.tables["wrong"]) == 1
    else:
        # A token may stand for more than an entity, or for less: what a tokenizer drops is no part of any.
        assert scores.metrics["f1"] > 0.5


@DECODERS
@pytest.mark.parametrize("overlap", [1, 2, 5, 9])
def test_entities_are_whole_whatever_the_windows_and_the_overlap(decoder, overlap):
    draw = random.Random(overlap)
    texts = []
    for _ in range(20):
        cuts = sorted(draw.sample(range(60), 8))
        spans = list(zip(cuts[::2], cuts[1::2], strict=True))
        text = "".join(draw.choices("甲乙丙丁", k=60))
        texts.append(TaggedText(text, tuple(Entity(draw.choice("ab"), Span(text[i:j], i, j)) for i, j in spans)))
    made = task(decoder, records=texts, max_length=12, overlap=overlap)
    assert evaluate(made, texts)[1].metrics["f1"] == 1.0


def test_entities_within_each_other_need_the_pointer_and_others_say_so():
    nested = [
        record("北京大学校长", ("org", "北京大学"), ("loc", "北京"), ("post", "大学校长")),
        record("中国银行行", ("org", "中国银行"), ("org", "银行")),
    ]
    made = task("pointer", records=nested)
    assert evaluate(made, nested)[1].metrics["f1"] == 1.0
    assert not made.remarks()
    made = task("crf", records=nested)
    scores = evaluate(made, nested)[1]
    assert scores.metrics == {"loss": pytest.approx(0, abs=1e-4), "f1": 4 / 7, "precision": 1.0, "recall": 2 / 5}
    assert made.remarks() == [
        "3 entities overlap others that the tags keep: they count as missed; task.decoder=pointer keeps them"
    ]
    assert scores.tables["wrong"][1][0] == "北京大学校长"
    assert scores.tables["wrong"][1][1:] == [
        "loc 北京 [0, 2); org 北京大学 [0, 4); post 大学校长 [2, 6)",
        "org 北京大学 [0, 4)",
    ]


def test_scores_tell_the_types_apart():
    made = task("crf")
    answers = [
        {"entities": [{"type": "loc", "span": {"text": "京", "start": 0, "end": 1}}]},
        {"entities": [{"type": "x", "span": {"text": "好", "start": 1, "end": 2}}]},
    ]
    scores = made.score(answers, [record("京好", ("loc", "京"), ("x", "好")), record("京好", ("x", "京"))])
    assert scores.metrics == {"f1": pytest.approx(2 / 5), "precision": 1 / 2, "recall": 1 / 3}
    assert scores.tables["types"] == [
        ["type", "precision", "recall", "f1", "support"],
        ["loc", 1.0, 1.0, 1.0, 1],
        ["x", 0.0, 0.0, 0.0, 2],
    ]


@DECODERS
def test_the_loss_of_a_batch_is_the_sum_of_those_of_its_windows(decoder):
    made = task(decoder).double()
    examples = pack([made.encode(HARD)])
    maker = BatchMaker(examples, made.padding_values())

    def loss(numbers):
        batch = maker[np.array(numbers)]
        return made.loss(made(batch), batch)

    whole, parts = loss(range(len(examples))), [loss([number]) for number in range(len(examples))]
    assert whole.total.item() == pytest.approx(sum(part.total.item() for part in parts), rel=1e-9)
    assert whole.weight.item() == sum(part.weight.item() for part in parts) > 300
    assert whole.total.dtype == torch.float64
    whole.total.backward()
    assert all(torch.isfinite(item.grad).all() for item in made.parameters() if item.grad is not None)


def test_a_type_that_training_never_saw_and_an_entity_elsewhere_are_problems():
    made = task("crf")
    assert made.problem(HARD[0]) is None
    assert made.problem(record("京", ("city", "京"))) == (
        "the entity type is 'city'; expected one of: loc, org, per, x."
    )
    for start, end in ((1, 2), (-1, 1), (0, 0), (0, 3)):
        wrong = TaggedText("京都", (Entity("loc", Span("京", start, end)),))
        assert "'京' is not at" in str(made.problem(wrong))


def test_no_entity_at_all_and_windows_that_can_not_move_are_refused():
    with pytest.raises(UserError, match="the training split has none"):
        Tagging.study([record("无")])
    with pytest.raises(ValueError, match="overlap: must be < max_length - 2 = 10, got 10"):
        task(overlap=10)
    with pytest.raises(ValueError, match=r"max_length: must be <= embedding\.max_length=64"):
        task(max_length=65)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A checkpoint, trained for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        return train(tmp_path_factory.mktemp("run"), "task=tagging", "task.overlap=8", "optimizer.lr=5e-3")


def test_a_run_measures_and_writes_its_tables(run):
    assert {"valid/f1", "valid/precision", "valid/recall", "valid/loss"} <= run.metrics.keys()
    tables = {path.name for path in (run.folder / "tables").iterdir()}
    assert {"valid_types.csv", "valid_wrong.csv", "test_types.csv", "test_wrong.csv"} <= tables


def test_answers_have_the_shape_of_the_records(run, capsys):
    text = "2014年6月25日，林秋勇因故辞去远山银行技术总监一职。" * 5
    assert main(["predict", f"checkpoint={run.checkpoint}", f"text={text}"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["text"] == text
    assert answer["entities"]
    for entity in answer["entities"]:
        assert entity["span"]["text"] == text[entity["span"]["start"] : entity["span"]["end"]]


def test_an_empty_text_and_one_of_a_megabyte_are_answered(run):
    answers = list(dougong.load(run.checkpoint).predict(["", "长" * 10**5, "无"]))
    assert answers[0]["entities"] == []
    assert [len(answer["text"]) for answer in answers] == [0, 10**5, 1]


@pytest.mark.slow
@DECODERS
def test_the_toy_world_is_learnt(tmp_path, decoder, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    settings = ["experiment=toy_tagging", f"task.decoder={decoder}", "tracker=csv", "trainer.progress=none"]
    assert dougong.train(settings, tmp_path / "run").metrics["test/f1"] >= 0.95
