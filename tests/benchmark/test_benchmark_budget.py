"""What is expected of longer sequences, and what a budget has room for."""

import pytest

from dougong.benchmark.budget import GIB, Budget, Cost, expected


def test_nothing_is_expected_of_what_was_never_measured():
    assert expected({}, 512) is None


def test_one_known_length_is_taken_to_grow_as_full_attention_does():
    assert expected({512: Cost(1.0, 2.0, 8.0)}, 1024) == Cost(4.0, 8.0, 32.0)


def test_two_known_lengths_go_on_as_they_grew():
    found = expected({512: Cost(1.0, 3.0, 1.0), 1024: Cost(2.0, 12.0, 3.0)}, 4096)
    assert (found.forward, found.both, found.memory) == pytest.approx((8.0, 192.0, 27.0))


def test_fixed_costs_of_short_ones_do_not_hide_the_growth():
    assert expected({512: Cost(1.0, 1.0, 1.0), 1024: Cost(1.0, 1.0, 1.0)}, 2048).forward == 2.0


def test_unknown_memory_stays_unknown_and_is_no_reason():
    found = expected({512: Cost(0.01, 0.01, None)}, 1024)
    assert found.memory is None
    assert Budget(100, 1, GIB).too_much({"a": found}, 0, True) == {}


def test_the_cheapest_are_kept_while_there_is_room():
    costs = {name: Cost(seconds, seconds, 0.0) for name, seconds in (("dear", 9.0), ("cheap", 1.0), ("fair", 2.0))}
    reasons = Budget(14, 1, None).too_much(costs, 0, True)
    assert list(reasons) == ["dear"]
    assert reasons["dear"].startswith("would take about 36.0 s; 2.")
    assert reasons["dear"].endswith(" s of seconds=14 are left")


def test_inputs_count_in_the_memory():
    costs = {"small": Cost(0.1, 0.1, GIB / 4), "large": Cost(0.1, 0.1, GIB)}
    reasons = Budget(100, 1, 1.5 * GIB).too_much(costs, GIB, True)
    assert reasons == {"large": "would take about 2.00 GiB; the budget is 1.50 GiB"}
