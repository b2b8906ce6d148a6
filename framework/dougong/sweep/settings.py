"""What `sweep.KEY=VALUE` can say; the constructor is the schema."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge


@dataclass(frozen=True)
class SweepSettings:
    """How the jobs of `dougong train -m` are chosen, and where they run.

    Args:
        launcher: "serial" runs them here, one after the other; "joblib" here, several at once, each in a process of its
            own; "submitit" hands them to SLURM (and runs them here where there is none); "ray" to a Ray cluster.
        at_once: jobs that run at the same time; null for all cores ("joblib"), or as many as the cluster takes.
        cluster: what "submitit" or "ray" is asked for, as slurm_partition, timeout_min, num_gpus.
        search: "all" runs every combination; "tpe" and "random" choose by Optuna, from ranges too.
        trials: jobs that a search chooses.
        pruner: what stops a job of a search early, by the main metric after each validation.
        seed: of the search.
    """

    launcher: Literal["serial", "joblib", "submitit", "ray"] = "serial"
    at_once: Annotated[int, Ge(1)] | None = None
    cluster: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    search: Literal["all", "tpe", "random"] = "all"
    trials: Annotated[int, Ge(1)] = 20
    pruner: Literal["median", "halving", "none"] = "median"
    seed: Annotated[int, Ge(0)] = 0


RESUME = "sweep.resume="
"""The word before the folder of an earlier sweep, of which only what is not finished is run: a folder as it is, with
whatever signs are in its name, and nothing that a file may say."""
