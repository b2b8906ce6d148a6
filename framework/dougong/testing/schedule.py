"""What a schedule promises."""

import math
import random

from dougong.testing.check import check
from dougong.testing.subject import Subject

TOTALS = (1, 2, 3, 10, 1000)


@check
def finite(subject: Subject) -> None:
    """Its factors are finite numbers, none below zero, also after the last update."""
    schedule = subject.make()
    for updates in TOTALS:
        for update in range(updates + 3):
            factor = schedule.factor(update, updates)
            assert isinstance(factor, float | int), f"update {update} of {updates}: {type(factor).__name__}, no number"
            good = math.isfinite(factor) and factor >= 0
            assert good, f"update {update} of {updates}: the factor is {factor}"


@check
def no_lost_update(subject: Subject) -> None:
    """No update is lost to a factor of zero."""
    schedule = subject.make()
    for updates in TOTALS:
        for update in range(updates):
            assert schedule.factor(update, updates) != 0, f"update {update} of {updates} is lost: its factor is 0"


@check
def purity(subject: Subject) -> None:
    """A factor is a function of the update and their number alone, so that a resumed run goes on as it was."""
    schedule = subject.make()
    asked = [(update, updates) for updates in TOTALS for update in range(0, updates, max(1, updates // 10))]
    before = {key: schedule.factor(*key) for key in asked}
    random.Random(0).shuffle(asked)
    for key in asked:
        assert schedule.factor(*key) == before[key], f"update {key[0]} of {key[1]} is another one when asked again"
        assert subject.make().factor(*key) == before[key], f"update {key[0]} of {key[1]} depends on those before it"


@check
def long_runs(subject: Subject) -> None:
    """A run of a hundred million updates has factors, too."""
    schedule = subject.make()
    for update in (0, 1, 10**4, 10**8 // 2, 10**8 - 1):
        assert math.isfinite(schedule.factor(update, 10**8)), f"update {update} of 10**8 has none"
