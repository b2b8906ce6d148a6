"""Several data plugins as one: how often each record comes, and which part is at fault."""

import json
from collections import Counter

import pytest

import dougong
from dougong.data.records import LabelledText, SpanQuestion
from dougong.errors import UserError

TOY = {"name": "toy", "size": 10, "valid_size": 4, "test_size": 4}


def mixture(**parts):
    return dougong.create("data", "mixture", parts=parts)


def test_training_records_come_as_often_as_their_part_weighs():
    made = mixture(one={**TOY, "weight": 2}, other={**TOY, "world_seed": 1, "weight": 0.5}, last={**TOY, "weight": 1.3})
    counts = Counter(item.text for item in made.records("train", LabelledText))
    one = [item.text for item in dougong.create("data", "toy", size=10).records("train", LabelledText)]
    other = [item.text for item in dougong.create("data", "toy", size=10, world_seed=1).records("train", LabelledText)]
    assert sum(counts[text] for text in one) == 20 + 13
    assert all(counts[text] >= 3 for text in one)
    assert [counts[text] for text in other] == [0, 1] * 5


def test_in_validation_and_test_each_record_comes_once():
    made = mixture(one={**TOY, "weight": 3}, other={**TOY, "world_seed": 1, "weight": 0.1})
    for split in ("valid", "test"):
        counts = Counter(item.text for item in made.records(split, LabelledText))
        assert len(counts) == 8
        assert set(counts.values()) == {1}


def test_the_published_mixture_of_two_to_one(tmp_path):
    for name, count in (("sogou", 3), ("web", 4)):
        rows = [
            {"id": number, "question": f"{name}{number}", "passages": [{"passage": "甲", "answer": "甲"}]}
            for number in range(count)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    part = {"name": "web_qa", "path": str(tmp_path), "valid": None}
    made = mixture(sogou={**part, "train": "sogou.json", "weight": 2}, web={**part, "train": "web.json"})
    counts = Counter(item.question[:-1] for item in made.records("train", SpanQuestion))
    assert counts == {"sogou": 6, "web": 4}


def test_bad_rows_of_a_part_are_counted_once_although_it_is_read_twice(tmp_path):
    rows = [{"id": 1}, {"id": 2, "question": "甲", "passages": [{"passage": "甲"}]}]
    (tmp_path / "train.json").write_text(json.dumps(rows), encoding="utf-8")
    made = mixture(web={"name": "web_qa", "path": str(tmp_path), "valid": None, "on_bad_row": "skip", "weight": 2.5})
    list(made.records("train", SpanQuestion))
    assert made.bad_rows == 1


def test_a_submission_is_that_of_the_part_that_has_one(tmp_path):
    made = mixture(toy=TOY, web={"name": "web_qa", "path": str(tmp_path)})
    record = SpanQuestion("甲？", ("乙",), identity="7")
    assert list(made.submission([(record, {"answers": []})])) == ["7\t"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "parts: must name one data plugin"),
        ({"one": {}}, "parts.one.name: must be a data plugin"),
        ({"one": {"name": "toi"}}, "data.parts.one: .*toi.*Did you mean `toy`"),
        ({"one": {"name": "mixture"}}, "can't be part of one"),
        ({"one": {**TOY, "siez": 3}}, "data.parts.one: siez: there is no such setting. Did you mean `size`"),
        ({"one": {**TOY, "weight": 0}}, "parts.one.weight: must be a number > 0, got 0"),
        ({"one": {**TOY, "weight": "2"}}, "parts.one.weight"),
        ({"one": {"name": "web_qa"}}, "data.parts.one: path: has to be given"),
    ],
    ids=str,
)
def test_a_part_that_is_wrong_is_named(parts, said):
    with pytest.raises((UserError, ValueError), match=said):
        mixture(**parts)


def test_a_part_that_lacks_the_records_is_named(tmp_path):
    made = mixture(web={"name": "web_qa", "path": str(tmp_path)})
    with pytest.raises(UserError, match=r"data.parts.web: WebQa gives no LabelledText"):
        list(made.records("train", LabelledText))


def test_it_trains_from_the_command_line(tmp_path):
    part = ", ".join(f"{key}: {value}" for key, value in {**TOY, "weight": 2}.items())
    quiet = ["trainer.max_epochs=1", "trainer.progress=none", "tracker=csv", "encoder=dgcnn", "embedding.dim=16"]
    assert (
        dougong.train(["data=mixture", f"data.parts={{one: {{{part}}}}}", *quiet], folder=tmp_path).status == "finished"
    )
