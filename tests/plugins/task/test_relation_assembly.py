"""Objects and slots of one subject become triples."""

from dougong_plugins.task.relations.assembly import Found, Whole, assemble

SUBJECT, OTHER = (0, 1), (1, 2)


def found(slot: str, start: int, subject=SUBJECT, predicate: str = "获奖") -> Found:
    return Found((predicate, slot), subject, (start, start + 1))


def whole(start: int, *slots: tuple[str, int], subject=SUBJECT, predicate: str = "获奖") -> Whole:
    return Whole(subject, predicate, (start, start + 1), tuple((name, (at, at + 1)) for name, at in slots))


def test_a_simple_triple_is_its_object_and_comes_once():
    assert assemble([found("", 5), found("", 5), found("", 3, predicate="a")]) == [whole(3, predicate="a"), whole(5)]


def test_slots_join_the_object_of_their_subject_and_predicate_in_order_of_their_names():
    parts = [found("when", 9), found("", 5), found("work", 2), found("work", 7, OTHER), found("", 6, OTHER, "b")]
    assert assemble(parts) == [whole(5, ("when", 9), ("work", 2)), whole(6, subject=OTHER, predicate="b")]


def test_each_object_takes_the_nearest_of_a_slot():
    parts = [found("", 10), found("", 20), found("work", 12), found("work", 19)]
    assert assemble(parts) == [whole(10, ("work", 12)), whole(20, ("work", 19))]


def test_objects_share_what_fills_their_slot():
    assert assemble([found("", 10), found("", 12), found("work", 14)]) == [
        whole(10, ("work", 14)), whole(12, ("work", 14))
    ]  # fmt: skip


def test_one_object_with_two_of_a_slot_is_two_triples():
    assert assemble([found("", 10), found("work", 12), found("work", 14), found("when", 1)]) == [
        whole(10, ("when", 1), ("work", 12)), whole(10, ("when", 1), ("work", 14))
    ]  # fmt: skip


def test_a_slot_without_an_object_is_none():
    assert assemble([found("work", 3)]) == []
