"""Triples as WebNLG and NYT have them, well-formed and hostile."""

import json
from pathlib import Path

import pytest
from runs import SHARED_DATA

from dougong.data.records import PlainText, RelationText
from dougong.errors import UserError
from dougong_plugins.data.triple_json import TripleJson

ITEM = {"text": "Ann was born in Rome .", "triple_list": [["Ann", "birthPlace", "Rome"]]}
EXPECTED = ("Ann was born in Rome .", [("Ann", "birthPlace", "Rome", (0, 3), (16, 20))])
RELATIONS = '[{"birthPlace": 0, "country": 1}, {"0": "birthPlace", "1": "country"}]'
DATA = SHARED_DATA / "webnlg"


def data(folder: Path, content: str | bytes, relations: str | None = RELATIONS, **settings) -> TripleJson:
    (folder / "train_triples.json").write_bytes(content.encode() if isinstance(content, str) else content)
    if relations is not None:
        (folder / "rel2id.json").write_text(relations, encoding="utf-8")
        settings["relations"] = "rel2id.json"
    return TripleJson(str(folder), valid=None, **settings)


def read(reader: TripleJson):
    return [(record.text, [told(triple) for triple in record.triples]) for record in records(reader)]


def told(triple):
    place = (triple.subject.start, triple.subject.end), (triple.object.start, triple.object.end)
    return triple.subject.text, triple.predicate, triple.object.text, *place


def records(reader: TripleJson) -> list[RelationText]:
    return list(reader.records("train", RelationText))


LIST = json.dumps([ITEM, ITEM], indent=4)


@pytest.mark.parametrize(
    "form",
    [
        LIST,
        "\ufeff" + LIST,
        LIST.replace("\n", "\r\n"),
        "\n " + LIST + " \n",
        json.dumps([ITEM, ITEM]),
        f"{json.dumps(ITEM)}\n{json.dumps(ITEM)}\n",
        f"\ufeff\n{json.dumps(ITEM)}\r\n\n{json.dumps(ITEM)}",
    ],
)
def test_a_list_or_lines_of_items_are_read(tmp_path, form):
    assert read(data(tmp_path, form)) == [EXPECTED, EXPECTED]


@pytest.mark.parametrize("form", ["[]", " [ ] ", "\ufeff[]"])
def test_an_empty_list_has_no_records(tmp_path, form):
    assert read(data(tmp_path, form)) == []


def test_each_item_says_in_which_line_it_begins(tmp_path):
    reader = data(tmp_path, LIST)
    lines = [number for number, line in enumerate(LIST.splitlines(), 1) if line == "    {"]
    assert [record.source for record in records(reader)] == [
        f"{tmp_path / 'train_triples.json'}:{number}" for number in lines
    ]


BAD = {
    "no object": ("5", "not a JSON object"),
    "no text": ("{}", "`text` is missing"),
    "an empty text": ('{"text": ""}', "`text` is empty"),
    "a lone surrogate": ('{"text": "\\ud800"}', "`text` is not Unicode text"),
    "triples that are none": ('{"text": "a", "triple_list": "x"}', "`triple_list` is not a list of lists"),
    "a triple that is none": ('{"text": "a", "triple_list": ["a"]}', "`triple_list` is not a list of lists"),
    "a pair": ('{"text": "a", "triple_list": [["a", "b"]]}', 'a triple is ["a", "b"], not [subject, relation, object]'),
    "a number": ('{"text": "a", "triple_list": [["a", "country", 1]]}', "`object` is not a text"),
    "an empty subject": ('{"text": "a", "triple_list": [["", "country", "a"]]}', "`subject` is empty"),
    "an entity elsewhere": ('{"text": "a", "triple_list": [["a", "country", "b"]]}', "'b' is not in the text"),
    "a relation that is unknown": (
        '{"text": "a", "triple_list": [["a", "county", "a"]]}',
        "the relation 'county' is not in rel2id.json. Did you mean `country`? Relations there: birthPlace, country.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_item_is_named_with_the_reason_or_left_out_and_counted(tmp_path, case):
    content, reason = BAD[case]
    good = json.dumps(ITEM)
    for raw in (f"{good}\n{content}\n{good}\n", f"[{good},\n{content}\n,{good}]"):
        if raw[0] == "{" and content == "5":
            continue  # not what a line of items can be
        with pytest.raises(UserError) as caught:
            read(data(tmp_path, raw))
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / 'train_triples.json'}:2: ")
        assert reason in message
        assert "\n" not in message
        reader = data(tmp_path, raw, on_bad_row="skip")
        assert read(reader) == [EXPECTED, EXPECTED]
        assert reader.bad_rows == 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'[{"text": "a"},\n{"text": ', ":2: not JSON"),
        (b'[{"text": "a"}\n{"text": "b"}]', ":2: not JSON"),
        (b'[{"text": "a"},\n', ":2: not JSON"),
        (b'[\n{"text": "a"}\n', ":3: not JSON"),
        (b"[\n" + b"[" * 100_000, ":2: not JSON that can be read"),
        (b"[" + b"9" * 5000 + b"]", ":1: not JSON that can be read"),
        (b'[\n\n{"text": "\xff"}]', ":3: not UTF-8 (0xff)"),
        (bytes(100), ":1: "),
    ],
)
def test_a_file_that_is_no_json_is_told_of_by_its_line(tmp_path, content, place):
    with pytest.raises(UserError) as caught:
        read(data(tmp_path, content))
    assert str(caught.value).startswith(f"{tmp_path / 'train_triples.json'}{place}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("relations", ["{", "[1]", "5", '["a"]'])
def test_bad_relations_are_an_error(tmp_path, relations):
    with pytest.raises(UserError, match=r"rel2id\.json: not "):
        read(data(tmp_path, LIST, relations))


@pytest.mark.parametrize("relations", [None, '{"birthPlace": 0}', '{"0": "birthPlace"}'])
def test_relations_are_keys_or_values_or_whatever_comes(tmp_path, relations):
    assert read(data(tmp_path, LIST, relations)) == [EXPECTED, EXPECTED]


def test_an_item_of_a_megabyte_is_read(tmp_path):
    text = "x" * 10**6 + " y"
    item = {"text": text, "triple_list": [["y", "country", text[: 10**6]]]}
    ((_, triples),) = read(data(tmp_path, json.dumps([item])))
    assert triples[0][3:] == ((10**6 + 1, 10**6 + 2), (0, 10**6))


def test_a_submission_of_the_right_answers_is_the_file(tmp_path):
    reader = data(tmp_path, LIST)
    answers = []
    for record in records(reader):
        spans = [
            {
                "subject": {"text": triple.subject.text},
                "predicate": triple.predicate,
                "object": {"text": triple.object.text},
                "slots": [],
            }
            for triple in record.triples
        ]
        answers.append((record, {"triples": spans * 2}))
    assert json.loads("\n".join(reader.submission(answers))) == [ITEM, ITEM]
    assert json.loads("\n".join(reader.submission([]))) == []


def test_texts_alone_can_be_had(tmp_path):
    assert [item.text for item in data(tmp_path, LIST).records("train", PlainText)] == [EXPECTED[0]] * 2


@pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data/webnlg beside the checkout")
def test_webnlg_is_read_whole():
    reader = TripleJson(str(DATA), valid="val_triples.json", test="test_triples.json", relations="rel2id.json")
    sizes = {split: list(reader.records(split, RelationText)) for split in ("train", "valid", "test")}
    assert [len(found) for found in sizes.values()] == [5019, 500, 703]
    assert sum(len(record.triples) for record in sizes["test"]) == 1607
