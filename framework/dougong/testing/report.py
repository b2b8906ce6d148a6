"""What the checks of a plugin came to."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "skipped", "known failure"]


@dataclass(frozen=True)
class Result:
    """One check of one plugin.

    Args:
        name: of the check.
        promise: what it promises, in a sentence.
        outcome: how it ended.
        reason: why it failed, was skipped, or is known to fail.
    """

    name: str
    promise: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one plugin; as a text it is the table that `dougong plugins check` prints."""

    key: str
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed that is not known to."""
        return not any(result.outcome == "failed" for result in self.results)

    @property
    def summary(self) -> str:
        """`attention/local: 17 checks: 16 passed, 1 skipped`"""
        counts = Counter(result.outcome for result in self.results)
        order: tuple[Outcome, ...] = ("passed", "failed", "known failure", "skipped")
        told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in order if counts[outcome])
        return f"{self.key}: {len(self.results)} checks: {told}"

    def __str__(self) -> str:
        width = max((len(result.name) for result in self.results), default=0)
        lines = []
        for result in self.results:
            lines.append(f"  {result.outcome:<13} {result.name:<{width}}  {result.promise}")
            if result.reason:
                lines.append(f"  {'':<13} {'':<{width}}  -> {result.reason}")
        return "\n".join([*lines, "", self.summary])
