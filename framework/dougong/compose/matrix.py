"""What goes with what, of all that is installed: two by two, and all together."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from dougong.compose.check import has_slot
from dougong.compose.fit import RULES, Part, refusal
from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin
from dougong.registry.signature import Slot

AXES = ("attention", "encoder", "task", "optimizer", "wrapper")
"""The kinds whose combinations are counted."""


@dataclass(frozen=True)
class Pair:
    """Two plugins, and why they can't be in one run; None where they can."""

    one: Plugin
    other: Plugin
    reason: str | None


class Matrix:
    """The plugins that can be used, and which of them go together.

    Args:
        catalogue: those that are known; `broken` holds those of them that can't be used, with the reason.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.broken: dict[str, str] = {}
        self.plugins: dict[str, list[Plugin]] = {}
        for plugin in catalogue:
            if problem := _problem(plugin):
                self.broken[plugin.key] = problem
            else:
                self.plugins.setdefault(plugin.kind, []).append(plugin)

    @property
    def tables(self) -> list[tuple[str, str]]:
        """The pairs of kinds that constrain each other, both of which have plugins.

        A decoder's attention is chosen by a slot of another name, so a choice of `attention=` tells it nothing.
        """
        known = (pair for pair in RULES if all(kind in self.plugins for kind in pair))
        return [pair for pair in known if pair not in self._renamed]

    def pairs(self, one: str, other: str) -> Iterator[Pair]:
        """Every plugin of one kind with every one of another."""
        for first, second in itertools.product(self.plugins[one], self.plugins[other]):
            yield Pair(first, second, self.reason(first, second))

    def reason(self, one: Plugin, other: Plugin) -> str | None:
        """Why the two can't be in one run, None where they can."""
        for owner, part in ((one, other), (other, one)):
            if (owner.kind, part.kind) in self._slots and not self._takes(owner, part.kind):
                return f"{owner.kind}={owner.name} has no {part.kind}."
        return refusal(Part(one.kind, one), Part(other.kind, other), self.catalogue)

    def _takes(self, owner: Plugin, kind: str) -> bool:
        """Whether it has a slot of the kind, or for plugins that have one: an encoder's embedding has the tokenizer."""
        kinds = {slot.kind for slot in owner.signature.slots}
        return has_slot(owner, kind) or any((between, kind) in self._slots for between in kinds)

    @cached_property
    def _slots(self) -> set[tuple[str, str]]:
        """The kinds that have slots for others by their names: (encoder, attention), say."""
        return {(plugin.kind, slot.kind) for plugin, slot in self._all_slots() if slot.name == slot.kind}

    @cached_property
    def _renamed(self) -> set[tuple[str, str]]:
        """The kinds that have slots for others by other names only: (decoder, attention)."""
        return {(plugin.kind, slot.kind) for plugin, slot in self._all_slots()} - self._slots

    def _all_slots(self) -> Iterator[tuple[Plugin, Slot]]:
        for plugin in itertools.chain.from_iterable(self.plugins.values()):
            yield from ((plugin, slot) for slot in plugin.signature.slots)

    @property
    def free(self) -> list[str]:
        """The kinds among `AXES` that no other of them constrains."""
        bound = {kind for pair in self.tables if set(pair) <= set(AXES) for kind in pair}
        return [kind for kind in AXES if kind in self.plugins and kind not in bound]

    def combinations(self) -> Iterator[tuple[Mapping[str, Plugin], str | None]]:
        """Every combination of the axes that are not free, with why it can't be; None where it can."""
        axes = [kind for kind in AXES if kind in self.plugins and kind not in self.free]
        reasons = {
            frozenset((pair.one.key, pair.other.key)): pair.reason
            for one, other in itertools.combinations(axes, 2)
            for pair in self.pairs(one, other)
        }
        for plugins in itertools.product(*(self.plugins[kind] for kind in axes)):
            found = (reasons[frozenset((one.key, other.key))] for one, other in itertools.combinations(plugins, 2))
            yield dict(zip(axes, plugins, strict=True)), next(filter(None, found), None)

    def counts(self) -> tuple[int, int]:
        """How many combinations of all axes can be, of how many."""
        times = math.prod(len(self.plugins[kind]) for kind in self.free)
        reasons = [reason for _, reason in self.combinations()]
        return times * reasons.count(None), times * len(reasons)


def _problem(plugin: Plugin) -> str | None:
    try:
        _ = plugin.signature  # what can't be read is imported, and may fail at that; so are facts
        for fact in KINDS[plugin.kind].facts:
            plugin.fact(fact)
    except UserError as error:
        return plugin.problem or str(error).removeprefix(f"{plugin.key} ")
    return None
