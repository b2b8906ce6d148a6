"""Events in JSON lines, well-formed and hostile."""

import json
from pathlib import Path

import pytest

from dougong.data.records import Argument, Event, EventText, PlainText, Span
from dougong.errors import UserError
from dougong_plugins.data.event_json import EventJson

TEXT = "昨天甲队以3比1战胜乙队，夺得冠军"


def argument(role: str, wording: str, start: int, alias: tuple[str, ...] = ()) -> dict[str, object]:
    return {"argument_start_index": start, "role": role, "argument": wording, "alias": list(alias)}


ROW = {
    "text": TEXT,
    "id": "cba11b5059495e635b4f95e7484b2684",
    "event_list": [
        {
            "event_type": "竞赛行为-胜负",
            "trigger": "战胜",
            "trigger_start_index": 8,
            "arguments": [
                argument("胜者", "甲队", 2, ("甲",)),
                argument("败者", "乙队", 10),
                argument("时间", "昨天", 0),
            ],
            "class": "竞赛行为",
        },
        {
            "event_type": "竞赛行为-夺冠",
            "trigger": "夺得",
            "trigger_start_index": 13,
            "arguments": [argument("冠军", "甲队", 2), argument("时间", "昨天", 0)],
        },
    ],
}
SCHEMA = [
    {"event_type": "竞赛行为-胜负", "role_list": [{"role": "时间"}, {"role": "胜者"}, {"role": "败者"}], "id": "x"},
    {"event_type": "竞赛行为-夺冠", "role_list": [{"role": "时间"}, {"role": "冠军"}]},
]
EXPECTED = EventText(
    TEXT,
    (
        Event(
            "竞赛行为-胜负",
            Span("战胜", 8, 10),
            (
                Argument("胜者", Span("甲队", 2, 4), ("甲",)),
                Argument("败者", Span("乙队", 10, 12)),
                Argument("时间", Span("昨天", 0, 2)),
            ),
        ),
        Event(
            "竞赛行为-夺冠",
            Span("夺得", 13, 15),
            (Argument("冠军", Span("甲队", 2, 4)), Argument("时间", Span("昨天", 0, 2))),
        ),
    ),
    "cba11b5059495e635b4f95e7484b2684",
)


def line(row: object) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


GOOD = line(ROW)


def data(folder: Path, content: str | bytes, schema: object = None, **settings) -> EventJson:
    (folder / "train.json").write_bytes(content.encode() if isinstance(content, str) else content)
    if schema is not None:
        lines = schema if isinstance(schema, str) else "".join(map(line, schema))
        (folder / "schema.json").write_text(lines, encoding="utf-8")
        settings["schema"] = "schema.json"
    return EventJson(str(folder), valid=None, **settings)


def read(reader: EventJson) -> list[EventText]:
    return list(reader.records("train", EventText))


def changed(**change) -> str:
    """The line with another first event; a change of None leaves the key out."""
    event = {key: value for key, value in {**ROW["event_list"][0], **change}.items() if value is not None}
    return line({**ROW, "event_list": [event]})


@pytest.mark.parametrize(
    "form", [GOOD, "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), "\n" + GOOD + "\n \n", GOOD.strip()]
)
@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_events_with_triggers_arguments_and_their_aliases(tmp_path, form, schema):
    assert read(data(tmp_path, form, schema)) == [EXPECTED]


def test_places_are_counted_in_characters_whatever_they_are(tmp_path):
    row = {
        "text": "👩‍🚀Ａe\u0301\u200b王到",
        "event_list": [
            {
                "event_type": "到",
                "trigger": "到",
                "trigger_start_index": 8,
                "arguments": [argument("谁", "王", 7), argument("谁", "Ａe\u0301", 3)],
            }
        ],
    }
    for ascii_only in (True, False):
        (found,) = read(data(tmp_path, json.dumps(row, ensure_ascii=ascii_only)))
        assert [item.span for item in found.events[0].arguments] == [Span("王", 7, 8), Span("Ａe\u0301", 3, 6)]


def test_a_text_without_events_is_there_to_be_answered(tmp_path):
    rows = '{"id": "a", "text": "好"}\n{"text": "坏", "event_list": []}'
    assert read(data(tmp_path, rows)) == [EventText("好", (), "a"), EventText("坏")]


BAD = {
    "bad JSON": ('{"text": ', "not JSON"),
    "deep JSON": ("[" * 100_000, "nested too deeply"),
    "no object": ('["text"]', "not a JSON object"),
    "not UTF-8": (b'{"text": "\xce\xd2"}', "not UTF-8 at byte 11 (0xce)"),
    "no text": ('{"event_list": []}', "`text` is missing"),
    "an empty text": ('{"text": " "}', "`text` is empty"),
    "a lone surrogate": ('{"text": "\\ud800"}', "`text` is not Unicode text"),
    "an id that is none": ('{"text": "好", "id": 7}', "`id` is not a text"),
    "events that are none": ('{"text": "好", "event_list": {}}', "`event_list` is not a list of objects"),
    "an event that is none": ('{"text": "好", "event_list": ["x"]}', "`event_list` is not a list of objects"),
    "no type": (changed(event_type=None), "`event_type` is missing"),
    "no trigger": (changed(trigger=None), "`trigger` is missing"),
    "no arguments": (changed(arguments=None), "`arguments` is missing"),
    "no place": (changed(trigger_start_index=None), "`trigger_start_index` of '战胜' is missing"),
    "a place of text": (changed(trigger_start_index="8"), "`trigger_start_index` of '战胜' is not an integer"),
    "a place of truth": (changed(trigger_start_index=True), "is not an integer"),
    "another place": (changed(trigger_start_index=9), "the trigger '战胜' is not at 9 of the text; it is at 8"),
    "a place from the end": (changed(trigger="军", trigger_start_index=-1), "'军' is not at -1 of the text"),
    "a place beyond": (changed(trigger_start_index=10**9), "is not at 1000000000 of the text"),
    "no role": (changed(arguments=[{"argument": "甲队", "argument_start_index": 2}]), "`role` is missing"),
    "an empty argument": (changed(arguments=[argument("胜者", "", 2)]), "`argument` is empty"),
    "not in the text": (
        changed(arguments=[argument("胜者", "丙队", 2)]),
        "'丙队' is not at 2 of the text, nor anywhere",
    ),
    "an alias that is none": (changed(arguments=[argument("胜者", "甲队", 2, (1,))]), "`alias` is not a list of texts"),
    "an unknown type": (changed(event_type="竞赛行为-胜利"), "'竞赛行为-胜利' is not in data.schema. Did you mean"),
    "an unknown role": (
        changed(arguments=[argument("冠军", "甲队", 2)]),
        "the role '冠军' of '竞赛行为-胜负' is not in",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_named_with_the_reason_or_left_out_and_counted(tmp_path, case):
    content, reason = BAD[case]
    bad = content if isinstance(content, bytes) else content.encode()
    raw = GOOD.encode() + bad.strip() + b"\n" + GOOD.encode()
    with pytest.raises(UserError) as caught:
        read(data(tmp_path, raw, SCHEMA))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'train.json'}:2: ")
    assert reason in message
    assert "\n" not in message
    reader = data(tmp_path, raw, SCHEMA, on_bad_row="skip")
    assert read(reader) == [EXPECTED, EXPECTED]
    assert reader.bad_rows == 1


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("", "schema.json: it names no event type"),
        ("{", "schema.json:1: not JSON"),
        ('{"event_type": "x"}', "schema.json:1: `role_list` is missing"),
        ('{"role_list": []}', "schema.json:1: `event_type` is missing"),
        ('{"event_type": "x", "role_list": ["y"]}', "`role_list` is not a list of objects"),
        ('{"event_type": "x", "role_list": [{}]}', "`role` is missing"),
    ],
)
def test_a_bad_schema_is_an_error_whatever_is_done_with_bad_rows(tmp_path, schema, reason):
    with pytest.raises(UserError, match=r"data\.schema: ") as caught:
        read(data(tmp_path, GOOD, schema, on_bad_row="skip"))
    assert reason in str(caught.value)


def test_a_schema_that_is_not_there_is_named_with_what_is(tmp_path):
    with pytest.raises(UserError, match=r"data\.schema: .*shema\.json does not exist\. Did you mean `schema\.json`"):
        read(data(tmp_path, GOOD, SCHEMA).__class__(str(tmp_path), valid=None, schema="shema.json"))


def test_the_schema_tells_one_data_from_another(tmp_path):
    one = data(tmp_path, GOOD, SCHEMA).fingerprint()
    assert data(tmp_path, GOOD, SCHEMA[:1]).fingerprint() != one


def test_a_line_of_a_megabyte_is_read(tmp_path):
    row = {**ROW, "text": TEXT + "长" * 10**6}
    assert read(data(tmp_path, line(row)))[0].events == EXPECTED.events


def test_a_submission_has_a_line_a_text_with_each_wording_of_a_role_once(tmp_path):
    reader = data(tmp_path, GOOD)
    arguments = [
        {"role": "胜者", "span": {"text": "甲队", "start": 2, "end": 4}},
        {"role": "胜者", "span": {"text": "甲队", "start": 20, "end": 22}},
        {"role": "败者", "span": {"text": "甲队", "start": 2, "end": 4}},
        {"role": "胜者", "span": {"text": "乙队", "start": 10, "end": 12}},
    ]
    answers = [
        (EventText(TEXT, identity="a"), {"events": [{"type": "竞赛行为-胜负", "arguments": arguments}]}),
        (EventText("好", identity="b"), {"events": []}),
    ]
    assert list(reader.submission(answers)) == [
        '{"id": "a", "event_list": [{"event_type": "竞赛行为-胜负", "arguments": ['
        '{"role": "胜者", "argument": "甲队"}, '
        '{"role": "败者", "argument": "甲队"}, '
        '{"role": "胜者", "argument": "乙队"}]}]}',
        '{"id": "b", "event_list": []}',
    ]


def test_a_submission_of_texts_without_id_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"test\.json:3: `id` is missing; a submission has to name it"):
        list(data(tmp_path, GOOD).submission([(EventText("好", source="test.json:3"), {"events": []})]))


def test_texts_alone_can_be_had(tmp_path):
    assert [item.text for item in data(tmp_path, GOOD).records("train", PlainText)] == [TEXT]
