"""Reading comprehension finds what the network points at, whatever the text, and scores it by all references."""

import itertools
import random

import numpy as np
import pytest
import torch

import dougong
from dougong.contracts.tokenizer import END
from dougong.data.examples import pack
from dougong.data.records import Answer, SpanQuestion
from dougong.errors import UserError
from dougong.inference.model import load
from dougong.training.evaluation import Evaluation
from dougong.training.prepare import batch_maker
from dougong_plugins.task.reading.inputs import shared_runs
from dougong_plugins.task.reading.references import locate
from dougong_plugins.task.reading.spans import Scored, best_spans, merge
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer
from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer

HARD = "Ｃａｆé ÀÉ ①２ ﬁne\u200bx 👩‍👧 İstanbul [SEP] 北京ABC e\u0301a\r\n tail [MASK] ends"
LONG = "".join(f"第{number}号住在{number * 7 % 100}楼。" for number in range(40))
TOKENIZERS = pytest.mark.parametrize("kind", [CharacterTokenizer, ByteTokenizer, WordPieceTokenizer])


def task(tokenizer=CharacterTokenizer, segments=1, **settings):
    torch.manual_seed(0)
    made = tokenizer()
    made.fit([HARD, LONG, "谁住在几楼哪里？"] * 3)
    embedding = dougong.create("embedding", "token", tokenizer=made, dim=16, max_length=128, segments=segments)
    encoder = dougong.create(
        "encoder",
        "transformer",
        embedding=embedding,
        attention=lambda layer: dougong.create("attention", "full"),
        layers=1,
        heads=2,
    )
    settings = {"max_length": 48} | settings
    return dougong.create("task", "reading_comprehension", encoder=encoder, facts={}, **settings).double().eval()


def question(passages, *answers, text="谁住在几楼？", **more) -> SpanQuestion:
    passages = (passages,) if isinstance(passages, str) else tuple(passages)
    return SpanQuestion(text, passages, tuple(answers), **more)


def batch(made, records):
    examples = pack([made.encode(records)])
    return batch_maker(made, examples, 0)[np.arange(len(examples))]


def oracle(values, sure=20.0):
    """The scores of a network that knows the targets; where there is none to tell, it points nowhere."""
    scores = torch.zeros(*values["tokens"].shape, 2, dtype=torch.float64)
    for row, (start, end) in enumerate(zip(values["start"].tolist(), values["end"].tolist(), strict=True)):
        if start >= 0:
            scores[row, start, 0] = scores[row, end, 1] = sure
    return scores


def answered(made, records, network=oracle):
    """What the task makes of the scores of a network."""
    values = batch(made, records)
    evaluation = Evaluation(made)
    evaluation.add(network(values), values)
    found = []
    made_score = made.score
    made.score = lambda predictions, asked: found.extend(predictions) or made_score(predictions, asked)
    scores = evaluation.scores(records)
    return found, scores


def texts(predictions):
    return [prediction["answers"][0]["text"] if prediction["answers"] else None for prediction in predictions]


# What is found


def test_what_the_network_points_at_is_the_answer_in_windows_of_a_long_passage():
    records = []
    for number in range(40):
        wording = f"{number * 7 % 100}楼"
        records.append(question(LONG, Answer(wording, LONG.index(f"第{number}号住在") + len(f"第{number}号住在"))))
    made = task()
    predictions, scores = answered(made, records)
    assert len(made.encode(records)) > 2 * len(records)
    assert texts(predictions) == [record.answers[0].text for record in records]
    assert [item["answers"][0]["start"] for item in predictions] == [record.answers[0].start for record in records]
    assert scores.metrics["exact_match"] == scores.metrics["f1"] == 1.0


@pytest.mark.parametrize("kind", [CharacterTokenizer, ByteTokenizer])
@pytest.mark.parametrize("wording", ["ﬁne\u200bx", "👩‍👧", "İ", "Ｃａｆé", "[SEP]", "e\u0301a\r\n tail", "北京ABC"])
def test_an_answer_in_forms_that_a_tokenizer_normalises_is_an_exact_slice(kind, wording):
    record = question(HARD * 3, Answer(wording, len(HARD) + HARD.index(wording)))
    (prediction,), _ = answered(task(kind), [record])
    (found,) = prediction["answers"]
    assert found["text"] == wording
    assert (found["start"], found["end"]) == (record.answers[0].start, record.answers[0].start + len(wording))


@TOKENIZERS
def test_whatever_the_network_says_answers_are_slices_of_their_passage(kind):
    draw = random.Random(0)
    records = [
        question([HARD[draw.randrange(20) :] * draw.randrange(4), LONG[: draw.randrange(200)]], Answer("a", -1))
        for _ in range(20)
    ]
    made = task(kind, n_best=4, max_answer_length=9)
    torch.manual_seed(1)
    predictions, _ = answered(made, records, lambda values: torch.randn(*values["tokens"].shape, 2).double())
    for record, prediction in zip(records, predictions, strict=True):
        for found in prediction["n_best"]:
            assert record.passages[found["passage"]][found["start"] : found["end"]] == found["text"]
            assert 0 < len(made.encoder.tokenizer.align([found["text"]])[0]) <= 9 + 3  # a character has several bytes


def test_the_best_of_several_passages_says_which_one_it_is():
    records = [
        question(["甲住在3楼。", LONG, "丙住在5楼。"], Answer("5楼", 3, passage=2)),
        question(["甲住在3楼。", "丙住在5楼。"], Answer("3楼", 3, passage=0)),
    ]
    predictions, scores = answered(task(), records)
    assert texts(predictions) == ["5楼", "3楼"]
    assert [item["answers"][0]["passage"] for item in predictions] == [2, 0]
    assert scores.metrics["exact_match"] == 1.0


def test_n_best_are_different_spans_best_first_with_probabilities():
    torch.manual_seed(2)
    made = task(n_best=6)
    noise = {}

    def network(values):
        noise.setdefault("scores", torch.randn(*values["tokens"].shape, 2).double())
        return noise["scores"]

    (prediction,), _ = answered(made, [question(LONG, Answer("7楼", -1))], network)
    found = prediction["n_best"]
    assert len(found) == len({(item["start"], item["end"]) for item in found}) == 6
    assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)
    assert all(0 < item["score"] <= 1 for item in found)
    assert prediction["answers"] == found[:1]


@pytest.mark.parametrize("passages", [(), ("",), (" \n",), ("", "甲住在3楼。")])
@pytest.mark.parametrize("text", ["", "谁？"])
def test_empty_texts_are_answered_too(passages, text):
    made = task()
    values = batch(made, [question(passages, text=text)])
    predictions = made.predict(made(values), values)
    prediction = made.join(predictions, question(passages, text=text))
    assert len(prediction["answers"]) == any("甲" in passage for passage in passages)


def test_no_input_is_longer_than_the_model_and_all_of_the_passage_is_in_one():
    made = task(max_length=48, question_length=10, overlap=8)
    examples = made.encode([question(LONG, text="谁住在几楼哪里？" * 50), question("甲。" * 3), question("")])
    end = made.encoder.tokenizer.identity(END)
    for example in examples:
        assert len(example["tokens"]) == len(example["segments"]) <= 48
        assert list(example["tokens"]).count(end) == 2
        assert example["tokens"][example["first"] - 1] == example["tokens"][-1] == end
    first = [example for example in examples if example["record"] == 0]
    assert first[0]["first"] == 12
    read = {example["offset"] + place for example in first for place in range(example["count"])}
    assert read == set(range(len(made.encoder.tokenizer.numbers([LONG])[0])))


def test_a_passage_of_a_megabyte_is_read_to_its_end():
    made = task(max_length=128, question_length=10, overlap=20, segments=6, match=2)
    record = question("字" * 350_000 + "3楼。", Answer("3楼", 350_000))
    (prediction,), scores = answered(made, [record])
    assert prediction["answers"][0]["start"] == 350_000
    assert scores.metrics["exact_match"] == 1.0


# What is learnt


def test_references_are_drawn_anew_in_each_epoch_by_how_often_they_are_given():
    record = question("甲住在3楼。", Answer("3楼", 3), Answer("3楼", 3), Answer("在3楼", 2))
    made = task()
    maker = batch_maker(made, pack([made.encode([record])]), 0)
    drawn = [int(maker[epoch, np.array([0])]["start"]) for epoch in range(300)]
    assert drawn == [int(maker[epoch, np.array([0])]["start"]) for epoch in range(300)]
    first = int(maker[np.array([0])]["first"])
    assert set(drawn) == {first + 2, first + 3}
    assert 0.55 < drawn.count(first + 3) / 300 < 0.78
    assert len({int(maker[np.array([0])]["start"]) for _ in range(5)}) == 1  # in evaluation always the same


def test_a_window_without_the_answer_points_at_its_first_token():
    made = task()
    values = batch(made, [question(LONG, Answer("7楼", LONG.index("第1号住在7楼") + 5))])
    starts = values["start"].tolist()
    assert len(starts) > 2
    assert starts[0] > 0
    assert starts[1:] == values["end"].tolist()[1:] == [0] * (len(starts) - 1)


def test_the_loss_is_the_cross_entropy_over_the_passage_and_the_first_token():
    made = task()
    values = batch(made, [question("甲住在3楼。", Answer("3楼", 3)), question("乙住在25楼了。", Answer("25楼", 3))])
    outputs = torch.randn(*values["tokens"].shape, 2, dtype=torch.float64)
    found = made.loss(outputs, values)
    expected = 0.0
    for row in range(2):
        first, count = int(values["first"][row]), int(values["count"][row])
        places = [0, *range(first, first + count)]
        for column, name in enumerate(("start", "end")):
            picked = outputs[row, places, column]
            expected += float(torch.logsumexp(picked, 0) - outputs[row, int(values[name][row]), column]) / 2
    assert float(found.total) == pytest.approx(expected, rel=1e-12)
    assert float(found.weight) == 2


def test_the_loss_of_a_batch_is_the_sum_of_its_parts():
    made = task()
    records = [question(LONG[: 20 * size], Answer("7楼", -1)) for size in (1, 2, 5)]
    values = batch(made, records)
    with torch.inference_mode():
        whole = made.loss(made(values), values)
        batches = [batch(made, [record]) for record in records]
        parts = [made.loss(made(part), part) for part in batches]
    assert float(whole.total) == pytest.approx(sum(float(part.total) for part in parts), rel=1e-9)
    assert float(whole.weight) == sum(float(part.weight) for part in parts)


def test_an_answer_that_is_not_in_the_passage_is_scored_and_not_learnt():
    record = question("甲住在3楼。", Answer("三楼"))
    made = task()
    values = batch(made, [record])
    outputs = torch.randn(*values["tokens"].shape, 2, dtype=torch.float64, requires_grad=True)
    loss = made.loss(outputs, values)
    loss.total.backward()
    assert float(loss.weight) == float(loss.total.detach()) == float(outputs.grad.abs().sum()) == 0
    _, scores = answered(made, [record, question("甲住在3楼。", Answer("3楼"))])
    assert scores.metrics["exact_match"] == 0.5


def test_an_answer_longer_than_the_model_is_scored_and_not_learnt():
    made = task()
    record = question(LONG, Answer(LONG[10:200], 10))
    assert set(batch(made, [record])["start"].tolist()) == {-100}
    assert "fits into a window" in made.remarks()[0]
    _, scores = answered(made, [record])
    assert scores.metrics["exact_match"] == 0


def test_16_bit_scores_are_compared_in_32():
    made = task()
    values = batch(made, [question("甲住在3楼。", Answer("3楼", 3))])
    outputs = torch.full((*values["tokens"].shape, 2), 60000.0, dtype=torch.float16)
    loss = made.loss(outputs, values)
    assert loss.total.dtype == torch.float32
    assert torch.isfinite(loss.total)


# Where references lie


@pytest.mark.parametrize(
    ("wording", "start", "expected"),
    [
        ("ab", 0, 0),
        ("ab", 7, 7),
        ("ab", 6, 7),
        ("ab", 2, 0),
        ("ab", 99, 7),
        ("ab", -1, 0),
        ("ab", -5, 0),
        ("abc", 7, None),
        ("x", -1, None),
    ],
)
def test_an_answer_is_where_it_is_said_to_be_or_at_the_nearest_place_that_has_it(wording, start, expected):
    assert locate("ab 456 ab", wording, start) == expected


def test_answers_that_are_elsewhere_and_nowhere_are_counted():
    made = task()
    made.encode([question("甲住在3楼。", Answer("3楼", 3), Answer("3楼", 1), Answer("甲"), Answer("三楼", 3))])
    made.encode([question("甲住在3楼。", Answer("四楼", 3))])
    moved, unplaced, missing, unknown = made.remarks()
    assert moved.startswith("1 reference answers are not where the data says")
    assert unplaced.startswith("1 reference answers come without a place")
    assert missing.startswith("2 reference answers are not in their passage")
    assert unknown.startswith("1 questions have no reference answer in their passage")
    assert task().remarks() == []


# Questions without an answer


def test_a_question_without_an_answer_is_refused_unless_they_are_expected():
    assert "task.unanswerable=true" in str(task().problem(question("甲。")))
    assert task(unanswerable=True).problem(question("甲。")) is None
    assert task().problem(question("甲。", Answer("甲", 0, passage=1))) == "an answer is in passage 1, of 1."


def test_unanswerable_questions_are_told_from_others_by_the_threshold():
    records = [question("甲住在3楼。", Answer("3楼", 3)), question(LONG), question("乙住在25楼。")]
    made = task(unanswerable=True)
    predictions, scores = answered(made, records)
    assert texts(predictions) == ["3楼", None, None]
    assert scores.metrics["f1"] == scores.metrics["answerable_f1"] == scores.metrics["unanswerable_accuracy"] == 1.0
    low, high = predictions[0]["no_answer"], min(item["no_answer"] for item in predictions[1:])
    assert low <= scores.metrics["best_threshold"] < high
    assert all(item["candidate"]["text"] for item in predictions)
    for threshold, expected in ((high + 1, 0), (low - 1, 3)):
        made = task(unanswerable=True, threshold=threshold)
        predictions, _ = answered(made, records)
        assert texts(predictions).count(None) == expected if expected else None not in texts(predictions[:1])


def test_the_best_threshold_is_the_one_of_most_f1():
    made = task(unanswerable=True)
    records = [question("x", Answer("甲")), question("x"), question("x", Answer("乙")), question("x")]
    margins, candidates = [0.5, 0.2, 1.5, 3.0], ["甲", "丙", "乙", "丁"]
    predictions = [
        {"answers": [], "no_answer": margin, "candidate": {"text": text}}
        for margin, text in zip(margins, candidates, strict=True)
    ]
    # One of the four is right with none answered, and 0.5 answered costs one and gains one; 1.5 gains another.
    assert made.score(predictions, records).metrics["best_threshold"] == 1.5


def test_wrong_answers_are_listed():
    predictions = [{"answers": [{"text": "5楼"}]}, {"answers": [{"text": "3楼"}]}, {"answers": []}]
    records = [question("x", Answer("3楼"), Answer("三楼")) for _ in predictions]
    table = task().score(predictions, records).tables["wrong"]
    assert table[1:] == [["谁住在几楼？", "3楼; 三楼", "5楼"], ["谁住在几楼？", "3楼; 三楼", "(no answer)"]]


def test_the_units_of_f1_can_be_said():
    record = question("x", Answer("the cat"), text="Who?")
    predictions = [{"answers": [{"text": "cat the"}]}]
    assert task().score(predictions, [record]).metrics["f1"] == 1.0
    assert task(units="characters").score(predictions, [record]).metrics["f1"] == 0.5


# Parts


def test_best_spans_are_those_of_all_pairs():
    torch.manual_seed(0)
    starts, ends = torch.randn(2, 4, 9, dtype=torch.float64)
    starts[:, :2] = ends[:, :2] = -torch.inf
    for longest, count in itertools.product((1, 3, 9, 20), (1, 5)):
        scores, first, last = best_spans(starts, ends, longest, count)
        for row in range(4):
            pairs = [(i, j) for i in range(9) for j in range(i, min(9, i + longest))]
            expected = sorted((float(starts[row, i] + ends[row, j]) for i, j in pairs), reverse=True)[:count]
            assert scores[row].tolist() == expected
            for value, i, j in zip(scores[row].tolist(), first[row].tolist(), last[row].tolist(), strict=True):
                if value > -torch.inf:
                    assert float(starts[row, i] + ends[row, j]) == value
                    assert i <= j < i + longest


def test_a_span_that_two_windows_found_counts_once_with_its_better_score():
    spans = [[Scored(-1.0, 0, 5, 6), Scored(-2.0, 0, 7, 7)], [Scored(-0.5, 0, 5, 6), Scored(-3.0, 1, 5, 6)]]
    assert [span.score for span in merge(spans, 9)] == [-0.5, -2.0, -3.0]
    assert merge(spans, 1) == [Scored(-0.5, 0, 5, 6)]


def test_shared_runs_are_the_longest_pieces_of_the_other_text_around_a_token():
    draw = random.Random(0)
    for _ in range(50):
        texts = [[draw.randrange(1, 5) for _ in range(draw.randrange(size))] for size in (6, 20)]
        for longest in (0, 1, 3):
            found = shared_runs(*map(np.array, texts), longest, unknown=4)
            assert [item.tolist() for item in found] == [runs(*texts, longest), runs(*reversed(texts), longest)]


def runs(text, other, longest):
    """Token by token, how long a piece around it, without token 4, stands in the other text."""
    found = [0] * len(text)
    for begin, length in itertools.product(range(len(text)), range(1, longest + 1)):
        piece = text[begin : begin + length]
        if len(piece) == length and 4 not in piece and piece in [other[at : at + length] for at in range(len(other))]:
            found[begin : begin + length] = [max(length, run) for run in found[begin : begin + length]]
    return found


def test_the_model_is_told_what_passage_and_question_share():
    made = task(segments=8, match=3)
    (example,) = made.encode([question("甲住在3楼。", text="谁住在？")])
    asked, passage = [0, 2, 2, 0], [4, 6, 6, 4, 4, 4]
    assert example["segments"].tolist() == [0, *asked, 0, *passage, 4]
    values = batch(made, [question("甲住在3楼。", Answer("3楼"), text="谁住在？")])
    untold = torch.where(values["segments"] < 4, 0, 4)
    assert not torch.equal(made(values), made({**values, "segments": untold}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"match": 2}, "match: 2 needs embedding.segments=6, got 1."),
        ({"max_length": 200}, "max_length: must be <= embedding.max_length=128, got 200."),
        ({"overlap": 33}, "overlap: of max_length=48 tokens, 33 are left for a window"),
        ({"question_length": 45}, "question_length: of max_length=48 tokens, 0 are left"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(ValueError, match=said.partition("<")[0].rstrip()):
        task(**settings)


# All of it

TINY = [
    *("task=reading_comprehension", "task.max_length=96", "data.size=40", "data.valid_size=12", "data.test_size=12"),
    *("encoder.layers=1", "encoder.heads=2", "embedding.dim=16", "trainer.max_updates=4", "loader.batch_size=8"),
    *("trainer=cpu", "trainer.progress=none", "tracker=csv"),
]


def test_a_run_trains_scores_and_answers(tmp_path, capsys):
    words = ["task.match=1", "embedding.segments=4", "data.unanswerable=0.3", "task.unanswerable=true"]
    run = dougong.train([*TINY, *words], tmp_path / "run")
    assert {"test/exact_match", "test/f1", "test/answerable_f1", "test/best_threshold"} <= set(run.metrics)
    model = load(run.checkpoint, task_settings={"n_best": 3, "threshold": 1000.0})
    records = [
        {"question": "甲在哪？", "passages": ["甲住在北京。" * 40, "乙住在上海。"]},
        {"question": "", "passages": []},
    ]
    full, empty = model.predict(records)
    assert len(full["n_best"]) == 3
    assert full["passages"][full["answers"][0]["passage"]].count(full["answers"][0]["text"])
    assert empty["answers"] == []


def test_a_question_without_an_answer_stops_a_run_that_expects_answers(tmp_path):
    with pytest.raises(UserError, match=r"toy:train:\d+: it has no answer"):
        dougong.train([*TINY, "data.unanswerable=0.5"], tmp_path / "run")


@pytest.mark.slow
def test_the_toy_preset_reads(tmp_path):
    run = dougong.train(["experiment=toy_reading_comprehension", "tracker=csv", "trainer.progress=none"], tmp_path)
    assert run.metrics["test/f1"] >= 0.95
