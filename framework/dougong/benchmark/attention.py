"""Measures attentions against each other, length by length, until all is measured or a budget is spent."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from dougong.benchmark import apart, memory
from dougong.benchmark.budget import GIB, WINDOW, Budget, Cost, expected
from dougong.benchmark.results import MIB, Row
from dougong.benchmark.settings import AttentionSettings, Contender
from dougong.benchmark.timing import Attend, Pass, Window, forward, forward_backward, take_turns
from dougong.benchmark.trial import attempt, attend, input_bytes, inputs, make
from dougong.errors import UserError
from dougong.registry.catalogue import catalogue
from dougong.registry.discovery import BUILT_IN
from dougong.registry.plugin import reason

PROBED = 1024
"""Where the shortest length is longer, two fractions of it are tried first, so that its cost is known beforehand."""

Progress = Callable[[str, int], None]


def device_of(settings: AttentionSettings) -> str:
    """Where to measure.

    Raises:
        UserError: a GPU is asked for, and there is none.
    """
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda is asked for, and there is none here; take device=cpu or device=auto.")
    return "cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu"


class AttentionBenchmark:
    """Every attention is first tried in a process of its own: what dies, hangs or takes all memory there is a row.

    Args:
        progress: told what is being done, and how many rows there are.
    """

    def __init__(self, settings: AttentionSettings, contenders: Sequence[Contender], progress: Progress) -> None:
        self.settings = settings
        self.lengths = sorted(set(settings.lengths))
        self.contenders = {contender.name: contender for contender in contenders}
        self.progress = progress
        self.device = device_of(settings)
        self.interrupted = False
        self._rows: dict[tuple[int, str], Row] = {}
        self._known: dict[str, dict[int, Cost]] = {name: {} for name in self.contenders}
        self._stopped: dict[str, str] = {}

    @property
    def rows(self) -> list[Row]:
        """What there is so far, by length, in the order of the contenders."""
        order = list(self.contenders)
        return sorted(self._rows.values(), key=lambda row: (row.length, order.index(row.attention)))

    def run(self) -> list[Row]:
        """Measure; ctrl-C ends it with what is measured so far."""
        try:
            self._run()
        except KeyboardInterrupt:
            self.interrupted = True
            for length in self.lengths:
                self._close(length, dict.fromkeys(self._open(length), "ctrl-C came before it was measured"))
        return self.rows

    def _run(self) -> None:
        self.progress("starting", 0)
        if self.device == "cpu":
            apart.prepare(["torch", *self._built_in()])
            apart.call(int)  # waits until the server is there, at no cost to the budget
        self.budget = Budget(self.settings.seconds, self.settings.rounds, self._memory())
        for length in self.lengths:
            problems = {name: item.problem for name, item in self.contenders.items() if item.problem}
            self._close(length, problems)
        if self.lengths[0] > PROBED:
            self._probe()
        for length in self.lengths:
            self._measure(length)

    def _built_in(self) -> list[str]:
        """The modules that are known to import; other people's are imported by the trials alone."""
        plugins = [catalogue(self.settings.plugin_path).get("attention", name) for name in self.contenders]
        return [plugin.module for plugin in plugins if plugin.origin == BUILT_IN and plugin.module]

    def _memory(self) -> float | None:
        """The budget in bytes."""
        if self.settings.memory is not None:
            return self.settings.memory * GIB
        return float(torch.cuda.mem_get_info()[0]) if self.device == "cuda" else memory.free()

    def _open(self, length: int) -> list[str]:
        """The attentions that have no row yet."""
        return [name for name in self.contenders if (length, name) not in self._rows]

    def _close(
        self, length: int, reasons: Mapping[str, str], status: Literal["failed", "left out"] = "left out"
    ) -> None:
        for name, why in reasons.items():
            self._rows[length, name] = Row(length, name, status, reason=why)

    def _measure(self, length: int) -> None:
        """All rows of a length."""
        self._close(length, {name: why for name, why in self._stopped.items() if name in self._open(length)})
        costs = {name: expected(self._known[name], length) for name in self._open(length)}
        self._leave_out(length, {name: cost for name, cost in costs.items() if cost}, tried=False)
        for name in self._open(length):
            self._try(name, length)
        self._leave_out(length, {name: self._known[name][length] for name in self._open(length)}, tried=True)
        if names := self._open(length):
            self._time(length, names)

    def _leave_out(self, length: int, costs: Mapping[str, Cost], tried: bool) -> None:
        self._close(length, self.budget.too_much(costs, input_bytes(self.settings, length), tried))

    def _probe(self) -> None:
        """Know the costs of short sequences. Who can't do those may yet be able to do longer ones."""
        for length in (self.lengths[0] // 8, self.lengths[0] // 4):
            for name in self._open(self.lengths[0]):
                if name not in self._stopped:
                    self._try(name, length)
                    self._rows.pop((length, name), None)

    def _try(self, name: str, length: int) -> None:
        """Learn the cost of one pass, or that there can be none."""
        self.progress(f"length {length:,}: trying {name}", len(self._rows))
        if self.budget.left <= 0:
            self._close(length, {name: f"seconds={self.settings.seconds:g} were over before it was tried"})
            return
        try:
            self._known[name][length] = self._attempt(name, length)
        except TimeoutError:
            self._stop(name, length, f"was stopped when seconds={self.settings.seconds:g} were over")
        except apart.EndedError as error:
            if error.code == memory.TOO_MUCH:
                self._stop(
                    name, length, f"took more than the memory budget of {(self.budget.memory or 0) / GIB:.2f} GiB"
                )
            else:
                self._close(length, {name: str(error)}, "failed")
        except Exception as error:
            self._close(length, {name: reason(error)}, "failed")

    def _stop(self, name: str, length: int, why: str) -> None:
        """Leave it out here and from here on."""
        self._close(length, {name: why})
        self._stopped[name] = f"at {length:,} it {why}"

    def _attempt(self, name: str, length: int) -> Cost:
        limit = self.budget.memory
        if limit is not None:
            limit -= input_bytes(self.settings, length)
        arguments = (self.contenders[name], self.settings, length, self.device, limit)
        return (
            attempt(*arguments) if self.device == "cuda" else apart.call(attempt, *arguments, seconds=self.budget.left)
        )

    def _time(self, length: int, names: Sequence[str]) -> None:
        """Let them take turns, first forward, then forward and backward."""
        tensors = inputs(self.settings, length, self.device)
        modules: dict[str, nn.Module] = {}
        for name in names:
            try:
                modules[name] = make(self.contenders[name], self.settings, self.device)
            except Exception as error:
                self._close(length, {name: reason(error)}, "failed")
        there = self._turns(length, {name: module.eval() for name, module in modules.items()}, forward, tensors)
        back = self._turns(
            length, {name: module.train() for name, module in modules.items()}, forward_backward, tensors
        )
        for name in self._open(length):
            self._rows[length, name] = self._row(name, length, there[name], back[name])

    def _turns(
        self,
        length: int,
        modules: Mapping[str, nn.Module],
        run: Callable[[Attend, Sequence[Tensor]], float],
        tensors: Sequence[Tensor],
    ) -> dict[str, Window]:
        """What each takes; one that fails now, after its trial, gets its row and does nothing from then on."""

        def guarded(name: str, call: Attend) -> Pass:
            def once() -> float:
                if (length, name) in self._rows:
                    return 0.0
                self.progress(f"length {length:,}: measuring {name}", len(self._rows))
                try:
                    return run(call, tensors)
                except Exception as error:
                    self._close(length, {name: reason(error)}, "failed")
                    return 0.0

            return once

        calls = {name: guarded(name, attend(module, self.settings.causal)) for name, module in modules.items()}
        return take_turns(calls, self.settings.rounds, WINDOW)

    def _row(self, name: str, length: int, there: Window, back: Window) -> Row:
        extra = self._known[name][length].memory
        return Row(
            length,
            name,
            "measured",
            statistics.median(there.passes),
            statistics.median(back.passes),
            None if extra is None else extra / MIB,
            max(there.others, back.others),
        )
