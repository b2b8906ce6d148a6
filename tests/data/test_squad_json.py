"""Questions in SQuAD's JSON, well-formed and hostile."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from runs import SHARED_DATA

from dougong.data.records import Answer, SpanQuestion
from dougong.errors import UserError
from dougong_plugins.data.squad_json import SquadJson

CONTEXT = "甲住在3楼。\r\n乙住在25楼。"


def qas(number: int = 0, **changes) -> dict:
    row = {"id": f"q{number}", "question": "甲住在几楼？", "answers": [{"text": "3楼", "answer_start": 3}]} | changes
    return {name: value for name, value in row.items() if value is not ...}


def squad(*questions: dict, context: object = CONTEXT) -> dict:
    return {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]}


def data(folder: Path, content: object, **settings) -> SquadJson:
    raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    (folder / "train.json").write_bytes(raw)
    return SquadJson(str(folder), valid=None, **settings)


def records(made: SquadJson) -> list[SpanQuestion]:
    return list(made.records("train", SpanQuestion))


def error(made: SquadJson) -> str:
    with pytest.raises(UserError) as caught:
        records(made)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_questions_come_with_their_passage_and_all_answers(tmp_path):
    several = [{"text": "3楼", "answer_start": 3}, {"text": "住在3楼", "answer_start": 1}]
    found = records(data(tmp_path, squad(qas(0), qas(1, answers=several))))
    assert [item.identity for item in found] == ["q0", "q1"]
    assert found[0].passages == (CONTEXT,)
    assert found[1].answers == (Answer("3楼", 3), Answer("住在3楼", 1))
    assert found[1].source == f"{tmp_path}/train.json: data[0].paragraphs[0].qas[1]"


@pytest.mark.parametrize(
    "changes",
    [{"answers": ...}, {"answers": []}, {"is_impossible": True}, {"is_impossible": True, "answers": [{"text": ""}]}],
)
def test_a_question_may_have_no_answer(tmp_path, changes):
    assert records(data(tmp_path, squad(qas(**changes))))[0].answers == ()


@pytest.mark.parametrize("start", [..., -1, -7, 0, 999])
def test_answers_that_are_not_where_they_are_said_to_be_are_kept(tmp_path, start):
    answer = {"text": "三楼"} | ({} if start is ... else {"answer_start": start})
    (found,) = records(data(tmp_path, squad(qas(answers=[answer]))))
    assert found.answers == (Answer("三楼", -1 if start in (..., -7) else start),)


def test_a_number_is_an_id_too(tmp_path):
    assert records(data(tmp_path, squad(qas(id=7))))[0].identity == "7"


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_trouble(tmp_path):
    text = json.dumps(squad(qas()), ensure_ascii=False, indent=1).replace("\n", "\r\n")
    assert records(data(tmp_path, b"\xef\xbb\xbf" + text.encode()))[0].passages == (CONTEXT,)


def test_a_line_of_a_megabyte_is_read(tmp_path):
    (found,) = records(data(tmp_path, squad(qas(), context="字" * 1_000_000 + CONTEXT)))
    assert len(found.passages[0]) > 1_000_000


BAD = {
    "no id": (squad(qas(1, id=...), qas()), "qas[0]: `id` is missing"),
    "an id that is a list": (squad(qas(1, id=[]), qas()), "qas[0]: `id` is not a text"),
    "an id twice": (squad(qas(), qas()), "qas[1]: `id` 'q0' comes twice"),
    "no question": (squad(qas(), qas(1, question=...)), "qas[1]: `question` is missing"),
    "an empty question": (squad(qas(), qas(1, question=" ")), "qas[1]: `question` is empty"),
    "a question that is a number": (squad(qas(), qas(1, question=3)), "qas[1]: `question` is not a text"),
    "answers that are no list": (squad(qas(), qas(1, answers={})), "qas[1]: `answers` is not a list"),
    "an answer that is a text": (squad(qas(), qas(1, answers=["x"])), "`answers[0]` is not an object"),
    "an answer without text": (squad(qas(), qas(1, answers=[{}])), "`answers[0].text` is missing"),
    "an empty answer": (squad(qas(), qas(1, answers=[{"text": ""}])), "`answers[0].text` is empty"),
    "a start in words": (
        squad(qas(), qas(1, answers=[{"text": "甲", "answer_start": "0"}])),
        "`answers[0].answer_start` is not a whole number",
    ),
    "impossible in words": (squad(qas(), qas(1, is_impossible="no")), "`is_impossible` is neither true nor false"),
    "a question that is a text": (squad(qas(), "x"), "data[0].paragraphs[0].qas[1]: not an object"),
    "no paragraphs": (
        {"data": [{"title": "t"}, *squad(qas())["data"]]},
        "data[0].paragraphs: missing",
    ),
    "paragraphs that are no list": (
        {"data": [{"paragraphs": {}}, *squad(qas())["data"]]},
        "data[0].paragraphs: not a list",
    ),
    "no context": (
        {"data": [{"paragraphs": [{"qas": [qas(1)]}]}, *squad(qas())["data"]]},
        "qas[0]: `context` is missing",
    ),
    "half of a pair of surrogates": (
        json.dumps(squad(qas(), qas(1, question="\ud800"))).encode(),
        "qas[1]: `question` is not Unicode text",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_question_is_named_or_left_out_and_counted(tmp_path, name):
    content, said = BAD[name]
    message = error(data(tmp_path, content))
    assert message.startswith(f"{tmp_path}/train.json: data[")
    assert said in message
    assert "data.on_bad_row=skip" in message
    skipping = data(tmp_path, content, on_bad_row="skip")
    assert [item.identity for item in records(skipping)] == ["q0"]
    assert skipping.bad_rows == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"data": [\n{"paragraphs": \n', "train.json:3: not JSON (Expecting value at column 1)."),
        (b'{"data": [\n"\xce\xd2"]}', "train.json:2: not UTF-8 (0xce)."),
        (b"[" * 200_000, "train.json: not JSON that can be read (nested too deeply, or of too long a number)."),
        (b"[]", 'train.json: not in the format of SQuAD, which is an object with a list "data".'),
        (b'{"data": {}}', "not in the format of SQuAD"),
        (b"", "train.json:1: not JSON"),
    ],
)
def test_a_file_that_is_no_such_json_is_refused_whatever_is_skipped(tmp_path, content, said):
    assert said in error(data(tmp_path, content))
    assert said in error(data(tmp_path, content, on_bad_row="skip"))


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(UserError, match=r"data\.path: .*nowhere is not a folder"):
        list(SquadJson(str(tmp_path / "nowhere")).records("train", SpanQuestion))
    (tmp_path / "train-v2.0.json").write_text("{}")
    with pytest.raises(
        UserError, match=r"data\.train: .*train\.json does not exist\. Did you mean `train-v2\.0\.json`"
    ):
        list(SquadJson(str(tmp_path)).records("train", SpanQuestion))
    assert list(SquadJson(str(tmp_path)).records("test", SpanQuestion)) == []


def test_the_fingerprint_follows_the_content(tmp_path):
    before = data(tmp_path, squad(qas())).fingerprint()
    assert before == data(tmp_path, squad(qas())).fingerprint()
    assert before != data(tmp_path, squad(qas(1))).fingerprint()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_submission_is_one_object_of_answers_by_id(tmp_path, count):
    made = data(tmp_path, squad(qas()))
    texts = ["3楼", '引"号\n', ""][:count]
    answered = [
        (SpanQuestion("x", ("y",), identity=f"q{number}"), {"answers": [{"text": text}] if text else []})
        for number, text in enumerate(texts)
    ]
    written = "\n".join(made.submission(answered))
    assert json.loads(written) == {f"q{number}": text for number, text in enumerate(texts)}


def test_no_torch_is_imported():
    program = "import sys, dougong_plugins.data.squad_json; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def test_cmrc_2018_is_read_as_published():
    if not (SHARED_DATA / "cmrc2018").is_dir():
        pytest.skip(f"{SHARED_DATA / 'cmrc2018'} is not there")
    made = SquadJson(str(SHARED_DATA / "cmrc2018"), test="trial.json", on_bad_row="skip")
    found = {split: list(made.records(split, SpanQuestion)) for split in ("train", "valid", "test")}
    assert [len(rows) for rows in found.values()] == [10142, 3219, 1000]
    assert made.bad_rows == 2  # two questions of the trial are empty
    assert all(len(row.answers) == 3 for row in found["valid"])
