"""Both formats of questions with several passages, accepted answers, and what a damaged file says."""

import json

import pytest

import dougong
from dougong.data.records import Answer, SpanQuestion
from dougong.errors import UserError

LISTED = [
    {
        "id": 10007,
        "question": "万园之园是什么？",
        "passages": [
            {"passage": "圆明园在北京。圆明园很大。", "answer": "圆明园"},
            {"passage": "颐和园也在北京。", "answer": ""},
            {"passage": "没有答案。"},
        ],
    }
]
RELEASED = [
    {
        "q_key": "Q_1",
        "question_tokens": ["万园之园", "是", "什么", "？"],
        "evidences": [
            {
                "e_key": "Q_1#00",
                "evidence_tokens": ["圆明园", "在", "北京"],
                "golden_answers": [["圆明园"], ["圆", "明园"], ["北京"]],
                "type": "positive",
            },
            {"evidence_tokens": ["颐和园"], "golden_answers": [["no_answer"]], "type": "negative"},
        ],
    }
]


def reader(folder, **settings):
    return dougong.create("data", "web_qa", path=str(folder), **({"valid": None} | settings))


def records(folder, content, **settings):
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    (folder / "train.json").write_text(text, encoding="utf-8")
    return list(reader(folder, **settings).records("train", SpanQuestion))


def test_a_list_of_questions(tmp_path):
    (found,) = records(tmp_path, LISTED)
    assert found.question == "万园之园是什么？"
    assert found.passages == ("圆明园在北京。圆明园很大。", "颐和园也在北京。", "没有答案。")
    assert found.answers == (Answer("圆明园", -1, 0),)
    assert found.identity == "10007"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_release_of_webqa(tmp_path, end):
    (found,) = records(tmp_path, "\ufeff" + json.dumps(RELEASED[0], ensure_ascii=False) + end + end)
    assert found.question == "万园之园是什么？"
    assert found.passages == ("圆明园在北京", "颐和园")
    assert found.answers == (Answer("圆明园", -1, 0), Answer("北京", -1, 0))
    assert found.identity == "Q_1"


def test_accepted_answers_begin_with_the_reference(tmp_path):
    (tmp_path / "accepted.txt").write_text("10007\t圆明园\t万园之园|圆明园||\r\n9\t甲\t乙\n", encoding="utf-8")
    (found,) = records(tmp_path, LISTED, accepted="accepted.txt")
    assert found.accepted == ("圆明园", "万园之园")


def test_a_line_of_accepted_answers_that_is_none_is_told_of(tmp_path):
    (tmp_path / "accepted.txt").write_text("10007\t圆明园\t圆明园\n7 甲 乙\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"accepted.txt:2: not `id<TAB>answer<TAB>a\|b\|c`"):
        records(tmp_path, LISTED, accepted="accepted.txt")


def test_a_submission_is_a_line_a_question(tmp_path):
    (found,) = records(tmp_path, LISTED)
    answers = [(found, {"answers": [{"text": "圆\t明\n园"}]}), (found, {"answers": []})]
    assert list(reader(tmp_path).submission(answers)) == ["10007\t圆 明 园", "10007\t"]


def changed(value, **fields):
    return [{**value[0], **fields}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([7], r"\[0\]: not an object"),
        (changed(LISTED, id=None), "`id` is missing"),
        (changed(LISTED, id=True), "`id` is not a text"),
        (changed(LISTED, id="a\tb"), "`id` has a tab"),
        (changed(LISTED, question=" "), "`question` is empty"),
        (changed(LISTED, question="\ud800"), "not Unicode"),
        (changed(LISTED, passages=[]), "`passages` is not a list with something in it"),
        (changed(LISTED, passages=[3]), r"`passages\[0\]` is not an object"),
        (changed(LISTED, passages=[{"passage": 3}]), r"`passages\[0\].passage` is not a text"),
        (changed(LISTED, passages=[{"passage": "甲", "answer": 3}]), r"`passages\[0\].answer` is not a text"),
        (LISTED * 2, r"\[1\]: the question '10007' comes twice"),
        ("[1,", "train.json:1: not JSON"),
        ('{"q_key": ', "train.json:1: not JSON"),
        (json.dumps({"q_key": "1"}), "`evidences` is missing"),
        (json.dumps({**RELEASED[0], "question_tokens": "甲"}), "`question_tokens` is not a list of texts"),
        (json.dumps({**RELEASED[0], "q_key": ""}), "`q_key` is not a text"),
        ("[" * 100_000, "not JSON that can be read"),
    ],
    ids=str,
)
def test_what_can_not_be_read_is_told_of_with_its_place(tmp_path, content, said):
    with pytest.raises(UserError, match=said):
        records(tmp_path, json.dumps(content) if isinstance(content, list) else content)


def test_bad_questions_may_be_left_out(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps([*changed(LISTED, question=3), *LISTED]), encoding="utf-8")
    made = reader(tmp_path, on_bad_row="skip")
    assert [item.identity for item in made.records("train", SpanQuestion)] == ["10007"]
    assert made.bad_rows == 1


def test_a_line_of_a_megabyte_is_read(tmp_path):
    long = {**LISTED[0], "passages": [{"passage": "圆明园" * 350_000, "answer": "圆明园"}]}
    (found,) = records(tmp_path, [long])
    assert len(found.passages[0]) == 1_050_000


def test_a_file_that_is_not_there_is_told_of_with_those_that_are(tmp_path):
    (tmp_path / "trian.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=r"data.train: .*train.json does not exist. Did you mean `trian.json`"):
        list(reader(tmp_path).records("train", SpanQuestion))
