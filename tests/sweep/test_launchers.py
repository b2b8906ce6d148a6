"""Launchers, without what they launch on."""

import sys
import types
from pathlib import Path

import pytest

from dougong.errors import UserError
from dougong.sweep.job import Job, outcome_of
from dougong.sweep.launchers import apart, ray
from dougong.sweep.settings import SweepSettings


@pytest.fixture
def cluster(monkeypatch):
    """A Ray whose second job is lost with its node; it notes how many jobs there are at a time."""
    fake = types.SimpleNamespace(asked={}, running=0, most=0)

    class Remote:
        def __init__(self, function):
            self.function = function

        def options(self, **options):
            if "num_gpu" in options:
                raise ValueError("Invalid option keyword num_gpu")
            fake.asked |= options
            return self

        def remote(self, job):
            fake.running += 1
            fake.most = max(fake.most, fake.running)
            return job

    def get(job):
        fake.running -= 1
        if job.number == 1:
            raise RuntimeError("the node died")
        return outcome_of(job, "nothing was run")

    fake.init = lambda **about: fake.asked.update(about)
    fake.remote, fake.get, fake.shutdown = Remote, get, lambda: fake.asked.update(shut=True)
    fake.wait = lambda jobs, num_returns: ([jobs[0]], jobs[1:])
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


def jobs(folder: Path) -> list[Job]:
    return [Job(number, (), folder / str(number)) for number in range(4)]


def test_ray_has_as_many_jobs_at_once_as_it_is_told_and_a_lost_node_loses_one(cluster, tmp_path):
    settings = SweepSettings("ray", 2, {"address": "auto", "num_cpus": 3, "num_gpus": None})
    found = {outcome.job.number: outcome.error for outcome in ray.launch(jobs(tmp_path), settings)}
    assert found == {0: "nothing was run", 1: "RuntimeError: the node died", 2: "nothing was run", 3: "nothing was run"}
    assert cluster.most == 2
    assert cluster.asked["address"] == "auto"
    assert cluster.asked["num_cpus"] == 3
    assert "num_gpus" not in cluster.asked
    assert cluster.asked["shut"]


def test_what_a_cluster_does_not_know_is_an_error_in_a_line(cluster, tmp_path):
    with pytest.raises(UserError, match=r"^sweep.cluster: Invalid option keyword num_gpu$"):
        list(ray.launch(jobs(tmp_path), SweepSettings("ray", cluster={"num_gpu": 1})))


def test_submitit_refuses_what_it_does_not_know_in_a_line(tmp_path):
    pytest.importorskip("submitit")
    from dougong.sweep.launchers import submitit

    with pytest.raises(UserError, match=r"^sweep.cluster: .*partitoin") as caught:
        list(submitit.launch(jobs(tmp_path), SweepSettings("submitit", cluster={"slurm_partitoin": "a"})))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("import sys; print('so'); print('because'); sys.exit(3)", "because"),
        ("import sys; sys.exit(3)", "ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("import os; print(os.environ['OMP_NUM_THREADS']); raise SystemExit(1)", "2"),
    ],
)
def test_a_process_that_ends_tells_why(program, error, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(Job, "command", lambda job: [sys.executable, "-S", "-c", program])
    outcome = apart.run_apart(Job(0, (), tmp_path / "0"), threads=2)
    assert (outcome.status, outcome.error) == ("failed", error)
