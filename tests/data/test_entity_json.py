"""Entities in JSON lines, well-formed and hostile."""

import json
from pathlib import Path

import pytest

from dougong.data.records import PlainText, TaggedText
from dougong.errors import UserError
from dougong_plugins.data.entity_json import EntityJson

GOOD = (
    '{"text": "浙商银行叶老桂说，叶老桂", "label": '
    '{"name": {"叶老桂": [[4, 6], [9, 11]]}, "company": {"浙商银行": [[0, 3]]}}}\n'
)


def data(folder: Path, content: str | bytes, **settings) -> EntityJson:
    (folder / "train.json").write_bytes(content.encode() if isinstance(content, str) else content)
    return EntityJson(str(folder), valid=None, **settings)


def read(reader: EntityJson) -> list[tuple[str, list[tuple[str, str, int, int]]]]:
    return [
        (record.text, [(item.type, item.span.text, item.span.start, item.span.end) for item in record.entities])
        for record in reader.records("train", TaggedText)
    ]


EXPECTED = (
    "浙商银行叶老桂说，叶老桂",
    [("name", "叶老桂", 4, 7), ("name", "叶老桂", 9, 12), ("company", "浙商银行", 0, 4)],
)


@pytest.mark.parametrize(
    "form", [GOOD, "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), "\n" + GOOD + "\n \n", GOOD.strip()]
)
def test_entities_by_type_wording_and_inclusive_places(tmp_path, form):
    assert read(data(tmp_path, form)) == [EXPECTED]


def test_entities_may_overlap_and_lie_within_each_other(tmp_path):
    row = {"text": "北京大学", "label": {"org": {"北京大学": [[0, 3]]}, "loc": {"北京": [[0, 1]]}}}
    assert read(data(tmp_path, json.dumps(row))) == [("北京大学", [("org", "北京大学", 0, 4), ("loc", "北京", 0, 2)])]


def test_places_are_counted_in_characters_whatever_they_are(tmp_path):
    row = {"text": "👩‍🚀Ａe\u0301\u200b王", "label": {"x": {"王": [[7, 7]], "Ａe\u0301": [[3, 5]]}}}
    for ascii_only in (True, False):
        found = read(data(tmp_path, json.dumps(row, ensure_ascii=ascii_only)))
        assert found[0][1] == [("x", "王", 7, 8), ("x", "Ａe\u0301", 3, 6)]


def test_a_text_without_label_is_there_to_be_answered(tmp_path):
    assert read(data(tmp_path, '{"id": 0, "text": "好"}\n{"text": "坏", "label": {}}')) == [("好", []), ("坏", [])]


BAD = {
    "bad JSON": ('{"text": ', "not JSON"),
    "deep JSON": ("[" * 100_000, "nested too deeply"),
    "a long number": ('{"text": "好", "id": ' + "9" * 5000 + "}", "too many digits"),
    "no object": ('["text"]', "not a JSON object"),
    "not UTF-8": (b'{"text": "\xce\xd2"}', "not UTF-8 at byte 11 (0xce)"),
    "no text": ('{"label": {}}', "`text` is missing"),
    "a text that is none": ('{"text": 5}', "`text` is not a text"),
    "an empty text": ('{"text": " "}', "`text` is empty"),
    "a lone surrogate": ('{"text": "\\ud800"}', "`text` is not Unicode text"),
    "a label that is none": ('{"text": "好", "label": []}', "`label` is not an object of objects"),
    "a type that is none": ('{"text": "好", "label": {"x": [[0, 0]]}}', "`label` is not an object of objects"),
    "places that are none": ('{"text": "好", "label": {"x": {"好": 0}}}', "are not a list of [first, last]"),
    "a place that is none": ('{"text": "好", "label": {"x": {"好": [0, 0]}}}', "a place of '好' is 0"),
    "a place of text": ('{"text": "好", "label": {"x": {"好": [["0", "0"]]}}}', "is ['0', '0'], not [first, last]"),
    "a place of truths": ('{"text": "好", "label": {"x": {"好": [[false, false]]}}}', "not [first, last]"),
    "another place": ('{"text": "好书", "label": {"x": {"好": [[1, 1]]}}}', "'好' is not at [1, 1] of the text"),
    "exclusive places": ('{"text": "好书店", "label": {"x": {"好书": [[0, 2]]}}}', "'好书' is not at [0, 2]"),
    "places from the end": ('{"text": "好书", "label": {"x": {"书": [[-1, -1]]}}}', "'书' is not at [-1, -1]"),
    "an empty entity": ('{"text": "好书", "label": {"x": {"": [[1, 0]]}}}', "'' is not at [1, 0]"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_named_with_the_reason_or_left_out_and_counted(tmp_path, case):
    content, reason = BAD[case]
    raw = GOOD.encode() + (content if isinstance(content, bytes) else content.encode()) + b"\n" + GOOD.encode()
    with pytest.raises(UserError) as caught:
        read(data(tmp_path, raw))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'train.json'}:2: ")
    assert reason in message
    assert "\n" not in message
    reader = data(tmp_path, raw, on_bad_row="skip")
    assert read(reader) == [EXPECTED, EXPECTED]
    assert reader.bad_rows == 1


def test_a_line_of_a_megabyte_is_read(tmp_path):
    text = "长" * 10**6 + "王"
    row = {"text": text, "label": {"name": {"王": [[10**6, 10**6]]}}}
    assert read(data(tmp_path, json.dumps(row, ensure_ascii=False))) == [(text, [("name", "王", 10**6, 10**6 + 1)])]


def test_a_submission_of_the_right_answers_is_the_file(tmp_path):
    lines = [
        '{"id": 7, "text": "浙商银行叶老桂", "label": {"company": {"浙商银行": [[0, 3]]}, "name": {"叶": [[4, 4]]}}}',
        '{"id": "a7", "text": "好好", "label": {"x": {"好": [[0, 0], [1, 1]]}}}',
        '{"text": "无", "label": {}}',
    ]
    reader = data(tmp_path, "\n".join(lines))
    records = list(reader.records("train", TaggedText))
    answers = []
    for record in records:
        spans = [(item.type, item.span) for item in record.entities]
        entities = [
            {"type": name, "span": {"text": span.text, "start": span.start, "end": span.end}} for name, span in spans
        ]
        answers.append((record, {"entities": entities}))
    assert list(reader.submission(answers)) == lines


def test_texts_alone_can_be_had(tmp_path):
    assert [item.text for item in data(tmp_path, GOOD).records("train", PlainText)] == [EXPECTED[0]]
