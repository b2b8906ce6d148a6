"""Arguments of events are exact slices of the text, and none is lost that the decoder can hold."""

import json

import pytest
import torch
from runs import checkpoint, train
from typed_spans import TOKENIZERS, evaluate

import dougong
from dougong.command_line.main import main
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.data.records import Argument, Event, EventText, Span
from dougong.errors import UserError
from dougong_plugins.task.event_extraction import EventExtraction
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer

DECODERS = pytest.mark.parametrize("decoder", ["crf", "pointer"])


def event(text: str, kind: str, *arguments: tuple[str, str]) -> Event:
    """An event with (role, wording) arguments, the first mention of each."""
    spans = [
        (role, Span(wording, text.index(wording), text.index(wording) + len(wording))) for role, wording in arguments
    ]
    return Event(kind, Span(text[:1], 0, 1), tuple(Argument(role, span) for role, span in spans))


def record(text: str, *events: tuple[str, dict[str, str]]) -> EventText:
    """A text with (type, {role: wording}) events."""
    return EventText(text, tuple(event(text, kind, *arguments.items()) for kind, arguments in events))


HARD = [
    record("ＡＢＣ 公司的 José Ålund 辞职", ("辞职", {"谁": "José Ålund", "公司": "ＡＢＣ 公司"})),
    record("e\u0301tat à Paris, ﬁn", ("到达", {"地点": "Paris", "谁": "e\u0301tat"})),
    record(
        "他（👩‍🚀）到 İstanbul 的 x\u200by",
        ("到达", {"谁": "👩‍🚀", "地点": "İstanbul"}),
        ("辞职", {"公司": "x\u200by"}),
    ),
    record("[CLS] [MASK] [SEP]", ("辞职", {"谁": "[MASK]"})),
    record(""),
    record(" \n"),
    record("长" * 300 + "京" + "短" * 5, ("辞职", {"公司": "长" * 300}), ("到达", {"地点": "京", "谁": "短" * 5})),
]
# One text in two roles, two arguments of a role, a second mention, and arguments within each other.
CROWDED = [
    record("甲队击败乙队夺冠", ("胜负", {"胜者": "甲队", "败者": "乙队"}), ("夺冠", {"冠军": "甲队"})),
    EventText("甲和乙裁员", (event("甲和乙裁员", "裁员", ("裁员方", "甲"), ("裁员方", "乙")),)),
    record("海尔4名员工被海尔解雇", ("解雇", {"解雇方": "海尔", "被解雇": "海尔4名员工"})),
    record("甲说甲", ("裁员", {"裁员方": "甲"})),
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
    return EventExtraction(encoder, EventExtraction.study(records), max_length, overlap, decoder, **more).eval()


def found(answer) -> set[tuple[str, str, str, int]]:
    return {
        (each["type"], item["role"], item["span"]["text"], item["span"]["start"])
        for each in answer["events"]
        for item in each["arguments"]
    }


def expected(item: EventText) -> set[tuple[str, str, str, int]]:
    return {
        (each.type, argument.role, argument.span.text, argument.span.start)
        for each in item.events
        for argument in each.arguments
    }


@TOKENIZERS
@DECODERS
def test_what_the_network_knows_comes_back_as_exact_slices_over_all_windows(kind, decoder):
    answers, scores = evaluate(task(decoder, kind), HARD)
    for answer, item in zip(answers, HARD, strict=True):
        for _, _, wording, start in found(answer):
            assert item.text[start : start + len(wording)] == wording
    if kind in (CharacterTokenizer, ByteTokenizer):
        assert [found(answer) for answer in answers] == [expected(item) for item in HARD]
        assert scores.metrics["f1"] == 1.0
        assert len(scores.tables["wrong"]) == 1
    else:
        # A token may stand for more than an argument, or for less: what a tokenizer drops is no part of any.
        assert scores.metrics["f1"] > 0.5


def test_the_pointer_keeps_every_role_of_a_text_and_the_tags_say_what_they_can_not():
    made = task("pointer", records=CROWDED)
    answers, scores = evaluate(made, CROWDED)
    assert [found(answer) for answer in answers] == [expected(item) for item in CROWDED]
    assert scores.metrics["f1"] == 1.0
    assert made.remarks() == []
    made = task("crf", records=CROWDED)
    answers, scores = evaluate(made, CROWDED)
    assert [len(found(answer)) for answer in answers] == [2, 2, 1, 1]
    assert scores.metrics["precision"] == 1.0
    assert scores.metrics["recall"] == 6 / 8
    assert made.remarks() == [
        "2 arguments overlap others that the tags keep: they count as missed; task.decoder=pointer keeps them"
    ]
    assert scores.tables["wrong"][1:] == [
        ["甲队击败乙队夺冠", "夺冠 冠军 甲队; 胜负 胜者 甲队; 胜负 败者 乙队", "夺冠 冠军 甲队; 胜负 败者 乙队"],
        ["海尔4名员工被海尔解雇", "解雇 被解雇 海尔4名员工; 解雇 解雇方 海尔", "解雇 被解雇 海尔4名员工"],
    ]


@DECODERS
def test_all_mentions_of_an_argument_are_learnt_on_request(decoder):
    for all_mentions, starts in ((False, {0}), (True, {0, 2})):
        made = task(decoder, records=CROWDED, all_mentions=all_mentions)
        answers, scores = evaluate(made, CROWDED)
        assert {start for *_, start in found(answers[3])} == starts
        # A second mention of what is expected is neither rewarded nor punished.
        assert scores.metrics["precision"] == 1.0
    assert {start for *_, start in found(answers[2])} >= ({0, 7} if decoder == "pointer" else {0})


def test_events_of_a_type_are_one_and_come_in_the_order_of_the_text():
    text = "甲到京，乙辞职，丙到沪"
    item = EventText(
        text,
        (
            event(text, "到达", ("谁", "丙"), ("地点", "沪")),
            event(text, "辞职", ("谁", "乙")),
            event(text, "到达", ("谁", "甲"), ("地点", "京")),
        ),
    )
    (answer,), _ = evaluate(task("crf", records=[item]), [item])
    assert [(each["type"], [part["span"]["text"] for part in each["arguments"]]) for each in answer["events"]] == [
        ("到达", ["甲", "京", "丙", "沪"]),
        ("辞职", ["乙"]),
    ]


def test_scores_are_by_common_characters_for_each_role_and_aliases_are_right():
    item = EventText(
        "皇家马德里胜",
        (Event("胜负", Span("胜", 5, 6), (Argument("胜者", Span("皇家马德里", 0, 5), ("皇马",)),)),),
    )
    made = task(records=[item])

    def score(*arguments):
        spans = [(role, {"text": item.text[start:end], "start": start, "end": end}) for role, start, end in arguments]
        given = [{"type": "胜负", "arguments": [{"role": role, "span": span} for role, span in spans]}]
        return made.score([{"events": given if spans else []}], [item])

    assert score(("胜者", 0, 5)).metrics == {"f1": 1.0, "precision": 1.0, "recall": 1.0}
    assert score(("胜者", 0, 1)).metrics["f1"] == pytest.approx(2 / 3)  # nearer to 皇马 than to the whole name
    assert score(("胜者", 2, 5)).metrics["f1"] == pytest.approx(6 / 8)
    assert score(("败者", 0, 5)).metrics["f1"] == 0.0
    assert score().tables["wrong"][1] == ["皇家马德里胜", "胜负 胜者 皇家马德里", ""]
    assert score(("胜者", 0, 5)).tables["roles"][1] == ["胜负", "胜者", 1.0, 1.0, 1.0, 1]


def test_what_training_never_saw_and_an_argument_elsewhere_are_problems():
    made = task("crf")
    assert made.problem(HARD[0]) is None
    unknown = record("甲到", ("到达了", {"谁": "甲"}))
    assert made.problem(unknown) == (
        "the event type '到达了' is not in the training split. Did you mean `到达`? Types there: 到达, 辞职."
    )
    assert made.problem(record("甲到", ("到达", {"公司": "甲"}))) == (
        "the role '公司' of '到达' is not in the training split. Roles there: 地点, 谁."
    )
    for start, end in ((1, 2), (-1, 1), (0, 0), (0, 3)):
        wrong = EventText("甲到", (Event("到达", Span("到", 1, 2), (Argument("谁", Span("甲", start, end)),)),))
        assert "the argument '甲' is not at" in str(made.problem(wrong))


def test_a_role_that_training_never_saw_can_be_encoded_all_the_same():
    made = task("crf")
    (example,) = made.encode([record("甲到", ("飞", {"谁": "甲"}))])
    assert not example["spans"].size


def test_no_argument_at_all_is_refused():
    with pytest.raises(UserError, match="the training split has none"):
        EventExtraction.study([EventText("无", (Event("到达", Span("无", 0, 1)),))])


@DECODERS
def test_the_loss_of_an_event_free_text_is_finite_and_has_a_gradient(decoder):
    made = task(decoder)
    maker = BatchMaker(pack([made.encode([EventText("无事"), EventText("")])]), made.padding_values())
    batch = maker[torch.arange(2).numpy()]
    loss = made.loss(made(batch), batch)
    loss.total.backward()
    assert torch.isfinite(loss.total)
    assert loss.weight == 2


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A checkpoint, trained for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        words = ("task.overlap=8", "optimizer.lr=5e-3", "schedule=constant", "optimizer.groups.crf.lr_scale=20")
        return train(tmp_path_factory.mktemp("run"), "task=event_extraction", *words)


def test_a_run_measures_writes_its_tables_and_has_a_rate_for_the_crf(run):
    assert {"valid/f1", "valid/precision", "valid/recall", "valid/loss"} <= run.metrics.keys()
    tables = {path.name for path in (run.folder / "tables").iterdir()}
    assert {"valid_roles.csv", "valid_wrong.csv"} <= tables
    groups = checkpoint(run.folder)["optimizer_states"][0]["param_groups"]
    scaled = [group for group in groups if group.get("lr_scale") == 20]
    assert sum(len(group["params"]) for group in scaled) == 3  # start, end and transitions
    assert all(group["lr"] == pytest.approx(20 * groups[0]["lr"]) for group in scaled)


def test_answers_are_slices_of_the_text(run, capsys):
    text = "2014年6月25日，林秋勇因故辞去远山银行技术总监一职。" * 5
    assert main(["predict", f"checkpoint={run.checkpoint}", f"text={text}"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["text"] == text
    for _, _, wording, start in found(answer):
        assert wording == text[start : start + len(wording)]


def test_an_empty_text_and_a_long_one_are_answered(run):
    answers = list(dougong.load(run.checkpoint).predict(["", "长" * 10**5, "无"]))
    assert answers[0]["events"] == []
    assert [len(answer["text"]) for answer in answers] == [0, 10**5, 1]


def test_another_schema_than_that_of_training_names_the_row(run, write, capsys):
    row = {
        "id": "a",
        "text": "王明到了北京",
        "event_list": [
            {
                "event_type": "到达",
                "trigger": "到了",
                "trigger_start_index": 2,
                "arguments": [{"role": "谁", "argument": "王明", "argument_start_index": 0, "alias": []}],
            }
        ],
    }
    folder = write("train.json", json.dumps(row, ensure_ascii=False)).parent
    words = ("data=event_json", f"data.path={folder}", "data.valid=null", "split=train")
    assert main(["evaluate", f"checkpoint={run.checkpoint}", *words]) == 2
    error = capsys.readouterr().err
    assert "train.json:1: the event type '到达' is not in the training split." in error
    # What is asked for can be answered all the same, in the form of a submission.
    assert main(["predict", f"checkpoint={run.checkpoint}", *words, "format=submission"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {"id", "event_list"}


@pytest.mark.slow
@DECODERS
def test_the_toy_world_is_learnt(tmp_path, decoder, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    settings = ["experiment=toy_event_extraction", f"task.decoder={decoder}", "tracker=csv", "trainer.progress=none"]
    assert dougong.train(settings, tmp_path / "run").metrics["test/f1"] >= 0.95
