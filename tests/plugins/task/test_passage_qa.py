"""Passages are read, marked, cropped and voted for as the article says; an answer is an exact slice of its passage."""

import json
import math

import numpy as np
import pytest
import torch
from light_encoders import run

import dougong
from dougong.command_line.main import main
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.data.records import Answer, SpanQuestion
from dougong.errors import UserError
from dougong_plugins.task.passage_qa import PassageQa
from dougong_plugins.task.passages.inputs import COLUMNS, cropped
from dougong_plugins.task.passages.network import Marks, focal_loss
from dougong_plugins.task.passages.votes import Candidate, candidates, vote
from dougong_plugins.tokenizer.character import CharacterTokenizer

PASSAGES = ("圆明园在北京，圆明园很大。", "颐和园也在北京。", "上海没有这个园。")
RECORD = SpanQuestion("圆明园在哪里？", PASSAGES, (Answer("北京", passage=0), Answer("北京", 5, 1)), "7")


def task(encoder="dgcnn", **settings) -> PassageQa:
    torch.manual_seed(0)
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit([RECORD.question, *PASSAGES])
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=8, positions="none")
    parts = {"attention": lambda layer: dougong.create("attention", "full"), "heads": 2, "layers": 1}
    made = dougong.create("encoder", encoder, embedding=embedding, **(parts if encoder == "transformer" else {}))
    return PassageQa(made, {}, **settings).double().eval()


def batch_of(made: PassageQa, *records: SpanQuestion):
    examples = pack([made.encode(records)])
    return BatchMaker(examples, made.padding_values())[np.arange(len(examples))]


def test_all_places_of_a_wording_are_marked_or_the_one_that_is_given():
    made = task()
    record = SpanQuestion("？", PASSAGES, (Answer("圆明园"), Answer("园", 2, 1), Answer("不在", passage=2)))
    rows = made.encode([record])
    assert [np.flatnonzero(row["starts"]).tolist() for row in rows] == [[0, 7], [2], []]
    assert [np.flatnonzero(row["ends"]).tolist() for row in rows] == [[2, 9], [2], []]


def test_an_answer_is_marked_in_every_window_that_has_all_of_it():
    made = task(max_length=8, overlap=4)
    rows = [row for row in made.encode([RECORD]) if row["passage"] == 0]
    found = {
        (row["offset"] + place, PASSAGES[0][row["offset"] + place])
        for row in rows
        for place in np.flatnonzero(row["starts"])
    }
    assert found == {(4, "北")}
    assert sum(int(row["starts"].sum()) for row in rows) == 2
    assert all(len(row["tokens"]) == row["count"] + 1 <= 8 for row in rows)


def test_runs_of_the_question_are_told():
    rows = task(match=3).encode([RECORD])
    assert rows[0]["shared"].tolist() == [3, 3, 3, 3, 0, 0, 0, 3, 3, 3, 0, 0, 0, 0]


def by_hand(made: PassageQa, question: str, passage: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The probabilities of starts and ends of one passage, as the article writes them."""
    (row,) = made.encode([SpanQuestion(question, (passage,))])
    reader, table = made.reader, made.encoder.embedding.token.weight

    def stack(layers, states):
        for layer in layers:
            weight, found = layer.weight.view(2, 8, 3, 8), []
            for place in range(len(states)):
                one, gate = layer.bias.chunk(2)
                for step in range(3):
                    seen = place + (step - 1) * layer.dilation
                    if 0 <= seen < len(states):
                        one, gate = one + weight[0][:, step] @ states[seen], gate + weight[1][:, step] @ states[seen]
                found.append(states[place] * (1 - torch.sigmoid(gate)) + one * torch.sigmoid(gate))
            states = torch.stack(found)
        return states

    def pool(pooling, states):
        scores = torch.tanh(states @ pooling.project.weight.T) @ pooling.weigh.weight[0]
        return (scores.exp() / scores.exp().sum()) @ states

    asked = pool(reader.summary, stack(reader.question.layers, table[torch.tensor(row["question"])]))
    vectors = table[torch.tensor(row["tokens"])] + reader.match.weight[torch.tensor(row["shared"])]
    vectors = torch.cat([vectors, asked.expand(len(vectors), -1)], -1) @ reader.join.weight.T
    states = stack(made.encoder.convolutions.layers, vectors)
    overview = torch.cat([pool(made.encoder.pooling, states), asked])
    gate = torch.sigmoid(reader.answers(overview))
    both = torch.sigmoid(reader.boundaries(torch.cat([states, asked.expand(len(states), -1)], -1)))
    return gate * both[:, 0], gate * both[:, 1]


def test_the_network_equals_the_formulas_whatever_else_is_in_the_batch():
    made = task()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    records = [RECORD, SpanQuestion("园？", ("大园", "甲"))]
    batch = batch_of(made, *records)
    marks = made(batch).marks
    pairs = [(record.question, passage) for record in records for passage in record.passages]
    for row, (question, passage) in enumerate(pairs):
        starts, ends = by_hand(made, question, passage)
        torch.testing.assert_close(marks.starts[row, : len(starts)].exp(), starts, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(marks.ends[row, : len(ends)].exp(), ends, rtol=1e-10, atol=1e-12)


def test_the_loss_is_the_focal_loss_of_what_is_of_the_passage():
    made = task()
    batch = batch_of(made, RECORD)
    read = made(batch)
    expected = 0.0
    for row, count in enumerate(batch["count"].tolist()):
        for name, logs in (("starts", read.marks.starts), ("ends", read.marks.ends)):
            for place in range(count):
                p = math.exp(logs[row, place].item())
                right = batch[name][row, place] == 1
                expected -= 0.25 * (1 - p) ** 2 * math.log(p) if right else 0.75 * p**2 * math.log(1 - p)
    loss = made.loss(read, batch)
    assert float(loss.total) == pytest.approx(expected, rel=1e-10)
    assert float(loss.weight) == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_of_what_is_certain_is_finite_and_so_is_its_gradient(dtype):
    logs = torch.tensor([-1e4, -200.0, -1.0, -1e-8, 0.0], dtype=dtype, requires_grad=True)
    for target in (torch.zeros(5), torch.ones(5)):
        loss = focal_loss(logs, target, 2.0, 0.25)
        loss.sum().backward()
        assert loss.isfinite().all()
        assert logs.grad.isfinite().all()


def test_cropping_keeps_what_belongs_together_and_the_lengths_that_were_published():
    torch.manual_seed(0)
    made = task(max_length=64, crop=1.0)
    text = "".join(chr(0x4E00 + number) for number in range(60))
    tokenizer = made.encoder.tokenizer
    tokenizer.fit([text])
    batch = batch_of(made, *[SpanQuestion("？", (text, text[:20]), (Answer(text[30:34]),))] * 50)
    sizes = set()
    for _ in range(10):
        cut = cropped(batch, 63, 1.0)
        for row in range(100):
            size = int(cut["count"][row])
            long = batch["count"][row] > 32
            assert (32 <= size <= 60) if long else size == 20
            sizes.add(size)
            tokens = cut["tokens"][row, :size].tolist()
            begin = batch["tokens"][row].tolist().index(tokens[0])
            assert tokens == batch["tokens"][row, begin : begin + size].tolist()
            assert cut["tokens"][row, size] == batch["tokens"][row, batch["count"][row]]
            assert cut["starts"][row, :size].tolist() == batch["starts"][row, begin : begin + size].tolist()
            assert cut["padding_mask"][row].tolist() == [place > size for place in range(cut["tokens"].size(1))]
    assert len(sizes) > 20


def test_what_is_not_to_be_cropped_stays():
    made = task()
    batch = batch_of(made, RECORD)
    cut = cropped(batch, 255, 1.0)
    assert cut["count"].equal(batch["count"])
    assert cut["padding_mask"].equal(batch["padding_mask"])
    assert all(cut[name][~cut["padding_mask"]].equal(batch[name][~cut["padding_mask"]]) for name in COLUMNS)


def logs(*rows):
    return torch.tensor(rows).clamp_min(1e-9).log()


def test_candidates_are_all_pairs_above_the_threshold():
    starts = [[0.9, 0.05, 0.5, 0.0], [0.3, 0.0, 0.0, 0.9]]
    ends = [[0.2, 0.6, 0.05, 0.8], [0.05, 0.05, 0.9, 0.9]]
    counts = torch.tensor([4, 3])
    found = candidates(Marks(logs(*starts), logs(*ends)), counts, 3, 0.1)
    expected = [
        {
            (first, last): starts[row][first] * ends[row][last]
            for first in range(count)
            for last in range(first, min(first + 3, count))
            if starts[row][first] > 0.1 and ends[row][last] > 0.1
        }
        for row, count in enumerate((4, 3))
    ]
    for spans, wanted in zip(found, expected, strict=True):
        assert {(first, last): pytest.approx(score) for score, first, last in spans} == wanted
    assert [score for score, *_ in found[0]] == sorted((score for score, *_ in found[0]), reverse=True)


def test_one_sure_passage_outvotes_several_that_are_not():
    assert vote([0.9]) == pytest.approx(0.81 / 1.9)
    assert vote([0.9, 0.9]) == pytest.approx(1.62 / 2.8)
    assert vote([0.9]) > vote([0.2] * 10)
    assert vote([0.5, 0.5]) > vote([0.5])


def spans(*items):
    return [{"spans": [Candidate(*item)]} for item in items]


def test_passages_vote_for_wordings_each_with_its_best_place():
    made = task(support=True, n_best=3)
    # 北京 of two passages, in the first of them twice (two windows may find it); 上海 of one.
    given = spans((0.5, 0, 4, 5), (0.6, 0, 4, 5), (0.7, 1, 5, 6), (0.75, 2, 0, 1))
    found = made.join(given, RECORD)
    assert [answer["text"] for answer in found["n_best"]] == ["北京", "上海"]
    best = found["answers"][0]
    assert best["score"] == pytest.approx((0.36 + 0.49) / 2.3, abs=1e-6)
    assert (best["passage"], best["start"], best["end"]) == (1, 5, 7)
    assert [(item["passage"], item["score"]) for item in best["support"]] == [(1, 0.7), (0, 0.6)]
    for answer in found["n_best"]:
        assert RECORD.passages[answer["passage"]][answer["start"] : answer["end"]] == answer["text"]


def test_without_candidates_there_is_no_answer():
    assert task().join([{"spans": []}] * 3, RECORD) == {"answers": []}


def test_scores_are_those_of_accepted_answers_if_they_are_known():
    made = task()
    answers = [{"answers": [{"text": text}]} for text in ("帝都", "颐和")] + [{"answers": []}]
    known = SpanQuestion("？", PASSAGES, RECORD.answers, accepted=("北京", "帝都"))
    other = SpanQuestion("？", PASSAGES, (Answer("颐和园", passage=1),))
    found = made.score(answers, [known, other, RECORD])
    assert found.metrics["accuracy"] == pytest.approx(1 / 3)
    assert found.metrics["f1"] == pytest.approx((1 + 0.8) / 3)
    assert found.metrics["mean"] == pytest.approx((1 / 3 + 1.8 / 3) / 2)
    assert found.metrics["answered"] == pytest.approx(2 / 3)
    assert found.tables["wrong"][1:] == [["？", "颐和园", "颐和"], [RECORD.question, "北京", "(no answer)"]]


@pytest.mark.parametrize("passages", [(), ("",), ("", "甲"), ("👩‍👩‍👧‍👦 x", " \n")])
def test_any_passages_are_answered(passages):
    made = task()
    record = SpanQuestion("", tuple(passages))
    batch = batch_of(made, record)
    predictions = made.predict(made(batch), batch)
    assert set(made.join(predictions, record)) == {"answers"}
    assert made.loss(made(batch), batch).total.isfinite()


@pytest.mark.parametrize(
    ("settings", "key"), [({"overlap": 300}, "overlap"), ({"max_length": 8, "overlap": 7}, "overlap")]
)
def test_settings_that_leave_no_room_are_refused(settings, key):
    with pytest.raises(ValueError, match=f"{key}: must be"):
        task(**settings)


def test_an_embedding_that_places_too_little_is_refused():
    with pytest.raises(UserError, match=r"task.max_length: must fit into embedding.max_length=32, got 256"):
        dougong.train(["task=passage_qa", "embedding.max_length=32", "data.size=10", "tracker=csv", "trainer=cpu"])


@pytest.mark.parametrize("encoder", ["transformer", "recurrent"])
def test_other_encoders_read_passages_too(tmp_path, encoder):
    assert run(tmp_path, "passage_qa", f"encoder={encoder}", "data.passages=2").status == "finished"


def test_predictions_are_written_as_lines_of_identity_and_answer(tmp_path, monkeypatch):
    rows = [
        {
            "id": f"q{number}",
            "question": "桥在哪里？",
            "passages": [{"passage": f"{number}号桥在城东。", "answer": "城东"}],
        }
        for number in range(12)
    ]
    (tmp_path / "train.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    quiet = ["trainer=cpu", "trainer.max_epochs=30", "trainer.progress=none", "tracker=csv", "embedding.dim=16"]
    words = ["task=passage_qa", "data=web_qa", f"data.path={tmp_path}", "data.valid=null", "optimizer.lr=1e-2"]
    result = dougong.train([*words, *quiet], folder=tmp_path / "run")
    output = tmp_path / "answers.tsv"
    given = [f"checkpoint={result.checkpoint}", "split=train", "format=submission", f"output={output}"]
    assert main(["predict", *given]) == 0
    assert output.read_text(encoding="utf-8").splitlines() == [f"q{number}\t城东" for number in range(12)]


@pytest.mark.slow
def test_it_answers_questions_on_the_toy_world(tmp_path):
    result = dougong.train(["experiment=toy_passage_qa", "tracker=csv"], folder=tmp_path)
    assert result.metrics["test/accuracy"] > 0.9
