"""The types that a constructor may use, read from source and by import."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin, class_signature
from dougong.registry.signature import Slot
from dougong.registry.values import fill

HEAD = """
import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Optional, Union

from annotated_types import Ge, Gt, Interval, Le, Lt, MaxLen, MinLen

from dougong import Default, PerLayer, register
from dougong.contracts.attention import Attention
from dougong.contracts.embedding import Embedding
from dougong.contracts.encoder import Encoder
from dougong.contracts.schedule import Schedule


class Shape(enum.Enum):
    ROUND = "round"
    FLAT = "flat"


@dataclass(frozen=True)
class Tail:
    length: Annotated[int, Ge(1)] = 2
    kind: Literal["soft", "hard"] = "soft"


@dataclass(frozen=True)
class Body:
    tail: Tail = field(default_factory=Tail)
    weight: float = 1.0


@register("schedule", "tried")
class Tried(Schedule):
    def __init__(self, value: {annotation} = {default}) -> None:
        self.value = value

    def factor(self, update, updates):
        return 1.0
"""


def plugin(write: Callable[[str, str], Path], annotation: str, default: str) -> Plugin:
    path = write("mine/tried.py", HEAD.replace("{annotation}", annotation).replace("{default}", default))
    found = Catalogue([path.parent]).find("schedule", "tried")
    assert found is not None
    return found


TAKEN = [
    ("int", "1", 7, 7),
    ("int", "1", 7.0, 7),
    ("int", "1", "7", 7),
    ("float", "0.5", 2, 2.0),
    ("float", "0.5", "1e-3", 0.001),
    ("bool", "False", True, True),
    ("str", "'a'", "b", "b"),
    ("str", "'a'", 3, "3"),
    ("Literal['a', 'b']", "'a'", "b", "b"),
    ("Literal['32', '64']", "'32'", 64, "64"),
    ("Literal[1, 2]", "1", 2, 2),
    ("Shape", "Shape.ROUND", "FLAT", "FLAT"),
    ("Shape", "Shape.ROUND", "flat", "FLAT"),
    ("int | None", "None", 3, 3),
    ("int | None", "3", None, None),
    ("Optional[float]", "None", 3, 3.0),
    ("Union[int, str]", "0", "text", "text"),
    ("int | str", "0", 4, 4),
    ("str | int", "0", 4, 4),
    ("list[int]", "()", [1, 2], [1, 2]),
    ("list[str]", "()", [], []),
    ("list[Shape]", "()", ["FLAT"], ["FLAT"]),
    ("tuple[float, float]", "(0.9, 0.999)", [0.8, 1], [0.8, 1.0]),
    ("tuple[int, ...]", "()", [1, 2, 3], [1, 2, 3]),
    ("dict[str, int]", "None", {"a": "1"}, {"a": 1}),
    ("Annotated[int, Ge(1)]", "1", 1, 1),
    ("Annotated[int, Ge(1)] | Literal['sqrt']", "'sqrt'", 5, 5),
    ("Annotated[int, Ge(1)] | Literal['sqrt']", "1", "sqrt", "sqrt"),
    ("Annotated[float, Gt(0), Lt(1)]", "0.5", 0.25, 0.25),
    ("Annotated[list[int], MinLen(1), MaxLen(2)]", "(1,)", [3], [3]),
    ("Tail", "Tail()", {"length": 4}, {"length": 4, "kind": "soft"}),
    ("Body", "Body()", {"tail": {"kind": "hard"}}, {"tail": {"length": 2, "kind": "hard"}, "weight": 1.0}),
    ("Any", "None", {"whatever": [1]}, {"whatever": [1]}),
]


@pytest.mark.parametrize(("annotation", "default", "given", "expected"), TAKEN)
def test_a_value_becomes_what_the_annotation_says(write, annotation, default, given, expected):
    from dougong.compose.config_source import plain

    tried = plugin(write, annotation, default)
    assert tried.source is not None
    read, imported = tried.source.signature(tried._node, ()), class_signature(tried.load())
    for signature in (read, imported):
        assert plain(fill(signature, {"value": given}, "schedule")["value"]) == expected
    assert plain(read.settings[0].default) == plain(imported.settings[0].default)


REFUSED = [
    ("int", "1", 1.5, "must be a whole number, got 1.5"),
    ("int", "1", True, "must be a whole number, got true"),
    ("int", "1", None, "must be a whole number, got null"),
    ("float", "1", "fast", "must be a number, got 'fast'"),
    ("bool", "True", "yes", "must be true or false, got 'yes'"),
    ("str", "''", [1], "must be a text, got [1]"),
    ("Literal['soft', 'hard']", "'soft'", "sofd", "must be one of soft, hard, got 'sofd'. Did you mean `soft`?"),
    ("Shape", "Shape.FLAT", "FLAD", "must be one of ROUND, FLAT, got 'FLAD'. Did you mean `FLAT`?"),
    ("list[int]", "()", 3, "must be a list, as [a,b], got 3"),
    ("tuple[float, float]", "(1, 2)", [1], "must be a list of 2, got [1]"),
    ("Annotated[int, Ge(1)]", "1", 0, "must be >= 1, got 0"),
    ("Annotated[float, Interval(ge=0, lt=1)]", "0.5", 1.0, "must be < 1, got 1.0"),
    ("Annotated[int, Ge(1)] | None", "None", 0, "must be >= 1, got 0"),
    ("Annotated[int, Ge(1)] | Literal['sqrt']", "1", "root", "whole number >= 1 or sqrt, got 'root'"),
    ("Annotated[list[int], MinLen(1)]", "(1,)", [], "got []"),
]


@pytest.mark.parametrize(("annotation", "default", "given", "message"), REFUSED)
def test_a_value_of_another_kind_is_refused_by_key_and_with_what_is_allowed(write, annotation, default, given, message):
    tried = plugin(write, annotation, default)
    with pytest.raises(UserError) as refused:
        fill(tried.signature, {"value": given}, "schedule")
    assert str(refused.value).startswith("schedule.value: ")
    assert message in str(refused.value)
    assert tried._class is None, "it was imported"


@pytest.mark.parametrize(
    ("given", "key", "message"),
    [
        ({"tail": {"length": 0}}, "schedule.value.tail.length", "must be >= 1, got 0"),
        ({"tail": {"lenght": 3}}, "schedule.value.tail.lenght", "Did you mean `length`?"),
        ({"tail": 3}, "schedule.value.tail", "must be a group of settings, got 3"),
    ],
)
def test_a_wrong_value_in_a_nested_dataclass_is_named_in_full(write, given, key, message):
    with pytest.raises(UserError) as refused:
        fill(plugin(write, "Body", "Body()").signature, {"value": given}, "schedule")
    assert str(refused.value).startswith(f"{key}: ")
    assert message in str(refused.value)


def test_an_item_of_a_list_is_named_by_its_place(write):
    with pytest.raises(UserError, match=r"^schedule\.value\[1\]: must be a whole number, got 'x'"):
        fill(plugin(write, "list[int]", "()").signature, {"value": [1, "x"]}, "schedule")


@pytest.mark.parametrize(
    ("annotation", "default", "slot"),
    [
        ("Embedding", "...", Slot("value", "embedding")),
        ("PerLayer[Attention]", "...", Slot("value", "attention", per_layer=True)),
        ("Annotated[Embedding, Default('char_word')]", "...", Slot("value", "embedding", "char_word")),
        ("Annotated[PerLayer[Attention], Default('local')]", "...", Slot("value", "attention", "local", True)),
        ("Encoder | None", "None", Slot("value", "encoder", optional=True)),
        ("PerLayer[Attention] | None", "None", Slot("value", "attention", per_layer=True, optional=True)),
    ],
)
def test_a_parameter_whose_type_is_a_kind_is_a_slot(write, annotation, default, slot):
    tried = plugin(write, annotation, default)
    assert tried.source is not None
    assert tried.source.signature(tried._node, ()).slots == (slot,)
    assert class_signature(tried.load()).slots == (slot,)


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [("int", "len('four')", 4), ("'int'", "2 ** 3", 8), ("int", "WIDTH", 16), ("Number", "5", 5)],
)
def test_what_is_not_literal_is_learnt_by_importing(write, annotation, default, expected):
    path = write("mine/tried.py", HEAD.replace("{annotation}", annotation).replace("{default}", default))
    path.write_text(path.read_text().replace("class Shape", "WIDTH = 16\nNumber = int\n\n\nclass Shape"))
    found = Catalogue([path.parent]).get("schedule", "tried")
    assert fill(found.signature, {}, "schedule") == {"value": expected}
