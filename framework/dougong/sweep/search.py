"""Jobs that Optuna chooses from the results of earlier ones, and stops when they are hopeless."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from dougong.compose.compose import compose_unchecked
from dougong.compose.config_source import current_catalogue
from dougong.compose.sweep import Plan, for_job
from dougong.errors import UserError
from dougong.sweep.job import Job, Outcome, outcome_of
from dougong.sweep.record import Record
from dougong.sweep.study import NAME, STORAGE, note_trial, storage

Launch = Callable[[Sequence[Job]], Iterator[Outcome]]
MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]


class Search:
    """A study of Optuna's.

    Args:
        plan: what the command asks for.

    Raises:
        UserError: Optuna is not installed, or there is nothing to search.
    """

    def __init__(self, plan: Plan) -> None:
        try:
            import optuna
        except ImportError as error:
            raise UserError('sweep=optuna: needs optuna; pip install "dougong[sweep]"') from error
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.settings = plan.settings
        self.fixed = [str(item.input_line) for item in plan.overrides if not item.is_sweep_override()]
        self.ranges = {item.get_key_element(): item for item in plan.overrides if item.is_sweep_override()}
        if not self.ranges:
            raise UserError(
                "sweep=optuna: there is nothing to search; say optimizer.lr=interval(1e-4,1e-2), for example."
            )
        self.space = {key: _distribution(item) for key, item in self.ranges.items()}

    def samples(self) -> Iterator[list[str]]:
        """Words of jobs that the search may come to: each value and both ends of each range, beside first ones."""
        ends = {key: _ends(item) for key, item in self.ranges.items()}
        first = {key: values[0] for key, values in ends.items()}
        for key, values in ends.items():
            yield from (self._words({**first, key: value}) for value in values)

    def run(self, record: Record, make: MakeJobs, launch: Launch) -> Iterator[Outcome]:
        """Run as many jobs as are asked for, those included that an earlier sweep has done."""
        study = self._study(record)
        outcomes = [outcome_of(job) for job in record.jobs]
        yield from (outcome for outcome in outcomes if outcome.done)
        done = sum(outcome.done for outcome in outcomes)
        left = [outcome.job for outcome in outcomes if not outcome.done]
        while done < self.settings.trials:
            several = min(self.settings.at_once or 1, self.settings.trials - done)
            batch, left = left[:several], left[several:]
            trials = [(self._asked_before(study, job), job) for job in batch]
            for _ in range(several - len(batch)):
                trial = study.ask(self.space)
                (job,) = make([self._words({key: _text(trial.params[key]) for key in self.space})])
                record.add([job])
                trials.append((trial, job))
            for trial, job in trials:
                note_trial(job.folder, trial._trial_id, record.folder, self.settings.pruner)
            stopped = False
            for outcome in launch([job for _, job in trials]):
                trial = next(trial for trial, job in trials if job == outcome.job)
                _tell(study, trial, outcome)
                done += 1
                stopped = stopped or outcome.status in ("interrupted", "not run")
                yield outcome
            if stopped:
                return

    def _words(self, chosen: dict[str, str]) -> list[str]:
        return for_job([*self.fixed, *(f"{key}={value}" for key, value in chosen.items())])

    def _study(self, record: Record) -> Any:
        import optuna

        samplers: dict[str, Any] = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
        task = compose_unchecked(next(iter(self.samples())))["task"]["name"]
        higher = current_catalogue().get("task", task).fact("higher_is_better")
        return optuna.create_study(
            storage=storage(record.folder / STORAGE),
            study_name=NAME,
            direction="maximize" if higher else "minimize",
            # Not the same numbers again after a sweep that goes on.
            sampler=samplers[self.settings.search](seed=self.settings.seed + len(record.jobs)),
            load_if_exists=True,
        )

    def _asked_before(self, study: Any, job: Job) -> Any:
        """A new trial of a job that was not finished, with the same values."""
        values = {key: value for key, _, value in (word.partition("=") for word in job.words)}
        study.enqueue_trial({key: _value(self.space[key], values[key]) for key in self.space})
        return study.ask(self.space)


def _tell(study: Any, trial: Any, outcome: Outcome) -> None:
    from optuna.trial import TrialState

    if outcome.status == "pruned":
        study.tell(trial, state=TrialState.PRUNED)
    elif outcome.done and outcome.value is not None and outcome.value == outcome.value:
        study.tell(trial, outcome.value)
    else:
        study.tell(trial, state=TrialState.FAIL)


def _distribution(item: Override) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value: Any = item.value()
    log = "log" in getattr(value, "tags", ())
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        kind: Any = IntDistribution if whole else FloatDistribution
        try:
            return kind(value.start, value.end, log=log)
        except ValueError as error:
            raise UserError(f"{item.input_line}: {error}") from error
    if isinstance(value, RangeSweep) and all(
        isinstance(number, int) for number in (value.start, value.stop, value.step)
    ):
        numbers = [int(text) for text in item.sweep_string_iterator()]
        return IntDistribution(min(numbers), max(numbers), step=abs(int(value.step)))
    assert isinstance(value, ChoiceSweep | RangeSweep)
    return CategoricalDistribution(list(item.sweep_string_iterator()))


def _ends(item: Override) -> list[str]:
    value: Any = item.value()
    if isinstance(value, IntervalSweep):
        return [_text(value.start), _text(value.end)]
    return list(item.sweep_string_iterator())


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _value(distribution: Any, text: str) -> Any:
    kinds = {"IntDistribution": int, "FloatDistribution": float}
    return kinds.get(type(distribution).__name__, str)(text)
