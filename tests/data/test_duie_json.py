"""Relations in the format of DuIE, well-formed and hostile."""

import json
from pathlib import Path

import pytest

from dougong.data.records import PlainText, RelationText
from dougong.errors import UserError
from dougong_plugins.data.duie_json import DuieJson

GOOD = (
    '{"text": "《甲》的作者是乙，甲好看", "spo_list": [{"predicate": "作者", "subject": "甲", '
    '"subject_type": "图书作品", "object": {"@value": "乙"}, "object_type": {"@value": "人物"}}]}\n'
)
AWARD = (
    '{"text": "丙凭《丁》获金奖", "spo_list": [{"predicate": "获奖", "subject": "丙", '
    '"object": {"onDate": "丁", "inWork": "《丁》", "@value": "金奖"}}]}\n'
)
SCHEMA = (
    '{"subject_type": "图书作品", "predicate": "作者", "object_type": {"@value": "人物"}}\n'
    '{"subject_type": "娱乐人物", "predicate": "获奖", '
    '"object_type": {"@value": "奖项", "inWork": "作品", "onDate": "Date"}}\n'
)
SCHEMA_1 = '{"object_type": "人物", "predicate": "作者", "subject_type": "图书作品"}\n'


def data(folder: Path, content: str | bytes, schema: str | None = SCHEMA, **settings) -> DuieJson:
    (folder / "train_data.json").write_bytes(content.encode() if isinstance(content, str) else content)
    if schema is not None:
        (folder / "schema.json").write_text(schema, encoding="utf-8")
        settings["schema"] = "schema.json"
    return DuieJson(str(folder), valid=None, **{"schema": None, **settings})


def read(reader: DuieJson):
    return [(record.text, [told(triple) for triple in record.triples]) for record in records(reader)]


def told(triple):
    slots = [(name, span.start, span.end) for name, span in triple.slots]
    place = (triple.subject.start, triple.subject.end), (triple.object.start, triple.object.end)
    return triple.subject.text, triple.predicate, triple.object.text, *place, *slots


def records(reader: DuieJson) -> list[RelationText]:
    return list(reader.records("train", RelationText))


EXPECTED = ("《甲》的作者是乙，甲好看", [("甲", "作者", "乙", (1, 2), (7, 8))])


@pytest.mark.parametrize(
    "form", [GOOD, "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), "\n" + GOOD + "\n \n", GOOD.strip()]
)
def test_triples_are_found_in_their_text(tmp_path, form):
    assert read(data(tmp_path, form)) == [EXPECTED]


def test_a_complex_object_has_its_slots_in_order_of_their_names(tmp_path):
    # The date is within the book's title, for want of another place.
    assert read(data(tmp_path, AWARD)) == [
        ("丙凭《丁》获金奖", [("丙", "获奖", "金奖", (0, 1), (6, 8), ("inWork", 2, 5), ("onDate", 3, 4))])
    ]


def test_an_object_of_duie_1_is_a_text(tmp_path):
    row = {"text": "《甲》的作者是乙，甲好看", "spo_list": [{"predicate": "作者", "subject": "甲", "object": "乙"}]}
    assert read(data(tmp_path, json.dumps(row), SCHEMA_1)) == [EXPECTED]


def test_case_does_not_count_where_a_wording_is_not_in_the_text_as_it_is(tmp_path):
    row = {
        "text": "ＡＢ和iPhone",
        "spo_list": [{"predicate": "作者", "subject": "IPHONE", "object": {"@value": "ＡＢ"}}],
    }
    assert read(data(tmp_path, json.dumps(row))) == [("ＡＢ和iPhone", [("iPhone", "作者", "ＡＢ", (3, 9), (0, 2))])]


def test_a_text_without_relations_is_there_to_be_answered(tmp_path):
    assert read(data(tmp_path, '{"text": "好"}\n{"text": "坏", "spo_list": []}')) == [("好", []), ("坏", [])]


def item(**changes) -> str:
    return json.dumps({"text": "甲乙", "spo_list": [{"predicate": "作者", "subject": "甲", "object": "乙", **changes}]})


BAD = {
    "bad JSON": ('{"text": ', "not JSON"),
    "deep JSON": ("[" * 100_000, "nested too deeply"),
    "a long number": ('{"text": "好", "id": ' + "9" * 5000 + "}", "too many digits"),
    "no object": ('["text"]', "not a JSON object"),
    "not UTF-8": (b'{"text": "\xce\xd2"}', "not UTF-8 at byte 11 (0xce)"),
    "no text": ("{}", "`text` is missing"),
    "a text that is none": ('{"text": 5}', "`text` is not a text"),
    "an empty text": ('{"text": " "}', "`text` is empty"),
    "a lone surrogate": ('{"text": "\\ud800"}', "`text` is not Unicode text"),
    "relations that are none": ('{"text": "好", "spo_list": {}}', "`spo_list` is not a list of objects"),
    "a relation that is none": ('{"text": "好", "spo_list": ["x"]}', "`spo_list` is not a list of objects"),
    "no subject": ('{"text": "好", "spo_list": [{"object": "好"}]}', "`subject` is missing"),
    "an empty subject": (item(subject=""), "`subject` is empty"),
    "an object that is none": (item(object=[]), "`object` is not a text"),
    "no value": (item(object={"inWork": "乙"}), "`@value` is missing"),
    "a slot that is none": (item(object={"@value": "乙", "x": 1}), "`x` is not a text"),
    "a subject elsewhere": (item(subject="丙"), "'丙' is not in the text"),
    "a slot elsewhere": (item(object={"@value": "乙", "inWork": "丁"}), "'丁' is not in the text"),
    "a relation that is unknown": (
        item(predicate="作家"),
        "the relation '作家' is not in schema.json. Did you mean `作者`? Relations there: 作者, 获奖.",
    ),
    "a slot that is unknown": (
        item(predicate="获奖", object={"@value": "乙", "period": "乙"}),
        "schema.json has no '获奖' with @value, period. Slots there: @value, inWork, onDate.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_named_with_the_reason_or_left_out_and_counted(tmp_path, case):
    content, reason = BAD[case]
    raw = GOOD.encode() + (content if isinstance(content, bytes) else content.encode()) + b"\n" + GOOD.encode()
    with pytest.raises(UserError) as caught:
        read(data(tmp_path, raw))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'train_data.json'}:2: ")
    assert reason in message
    assert "\n" not in message
    reader = data(tmp_path, raw, on_bad_row="skip")
    assert read(reader) == [EXPECTED, EXPECTED]
    assert reader.bad_rows == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ('{"subject_type": "x", "object_type": "y"}', "`predicate` is missing"),
        ('{"predicate": "x", "object_type": "y"}', "`subject_type` is missing"),
        ('{"predicate": "x", "subject_type": "y"}', "`object_type` is missing"),
        ('{"predicate": "x", "subject_type": "y", "object_type": {"a": "b"}}', "`@value` is missing"),
    ],
)
def test_a_bad_line_of_the_schema_is_an_error_whatever_is_to_be_skipped(tmp_path, line, reason):
    with pytest.raises(UserError) as caught:
        read(data(tmp_path, GOOD, SCHEMA + line, on_bad_row="skip"))
    assert str(caught.value).startswith(f"{tmp_path / 'schema.json'}:3: {reason}")


def test_a_schema_that_is_not_there_is_told_of(tmp_path):
    data(tmp_path, GOOD)
    with pytest.raises(UserError, match=r"data\.schema: .* does not exist\. Did you mean `schema\.json`"):
        read(DuieJson(str(tmp_path), valid=None, schema="schemas.json"))


def test_a_line_of_a_megabyte_is_read(tmp_path):
    row = {"text": "长" * 10**6 + "王", "spo_list": [{"predicate": "作者", "subject": "王", "object": "长长"}]}
    ((_, triples),) = read(data(tmp_path, json.dumps(row, ensure_ascii=False)))
    assert triples == [("王", "作者", "长长", (10**6, 10**6 + 1), (0, 2))]


def answers(reader: DuieJson):
    for record in records(reader):
        triples = [
            {
                "subject": span(triple.subject),
                "predicate": triple.predicate,
                "object": span(triple.object),
                "slots": [[name, span(filler)] for name, filler in triple.slots],
            }
            for triple in record.triples
        ]
        yield record, {"triples": triples * 2}


def span(found):
    return {"text": found.text, "start": found.start, "end": found.end}


def test_a_submission_of_the_right_answers_is_the_file(tmp_path):
    reader = data(tmp_path, GOOD + '{"text": "无", "spo_list": []}\n')
    assert list(reader.submission(answers(reader))) == [
        '{"text": "《甲》的作者是乙，甲好看", "spo_list": [{"predicate": "作者", "subject": "甲", '
        '"object": {"@value": "乙"}, "subject_type": "图书作品", "object_type": {"@value": "人物"}}]}',
        '{"text": "无", "spo_list": []}',
    ]
    for line, again in zip(reader.submission(answers(reader)), records(reader), strict=True):
        assert read(data(tmp_path, line)) == [(again.text, [told(triple) for triple in again.triples])]


def test_a_submission_has_complex_objects_with_their_types(tmp_path):
    reader = data(tmp_path, AWARD)
    (line,) = reader.submission(answers(reader))
    (row,) = json.loads(line)["spo_list"]
    assert row["object"] == {"@value": "金奖", "inWork": "《丁》", "onDate": "丁"}
    assert row["object_type"] == {"@value": "奖项", "inWork": "作品", "onDate": "Date"}


def test_a_submission_for_duie_1_has_objects_that_are_texts(tmp_path):
    reader = data(tmp_path, GOOD, SCHEMA_1)
    (row,) = json.loads(next(iter(reader.submission(answers(reader)))))["spo_list"]
    assert (row["object"], row["object_type"], row["subject_type"]) == ("乙", "人物", "图书作品")


def test_texts_alone_can_be_had_and_the_schema_is_part_of_the_fingerprint(tmp_path):
    reader = data(tmp_path, GOOD)
    assert [item.text for item in reader.records("train", PlainText)] == [EXPECTED[0]]
    assert reader.fingerprint().keys() == {"train_data.json", "schema.json"}
