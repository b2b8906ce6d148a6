"""A function in a process of its own answers, fails, dies or hangs, and this process goes on."""

import os
import signal
import sys
import time

import pytest
import torch

from dougong.benchmark import apart, memory
from dougong.benchmark.attention import AttentionBenchmark
from dougong.benchmark.settings import AttentionSettings, Contender
from dougong.benchmark.timing import Window, forward, forward_backward, projected, take_turns

linux = pytest.mark.skipif(not memory.READABLE, reason="reads the memory from /proc")


def fail():
    raise ValueError("not\nthis")


def end_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def fill(mebibytes, limit):
    memory.die_beyond(limit * 2**20)
    held = [b"x" * 2**20 for _ in range(mebibytes)]
    time.sleep(0.2)
    return len(held)


def grow(mebibytes):
    return memory.growth_of(lambda: b"x" * (mebibytes * 2**20))


def test_it_answers():
    assert apart.call(divmod, 7, 2) == (3, 1)


def test_its_error_is_told_in_one_line():
    with pytest.raises(apart.EndedError, match=r"^ValueError: not this$"):
        apart.call(fail)


def test_its_death_is_told():
    with pytest.raises(apart.EndedError, match="SIGKILL"):
        apart.call(end_itself)
    with pytest.raises(apart.EndedError, match="exit code 3"):
        apart.call(os._exit, 3)


def test_it_is_ended_when_its_time_is_over():
    with pytest.raises(TimeoutError):
        apart.call(time.sleep, 60, seconds=0.3)


@linux
def test_it_is_ended_when_it_takes_too_much_memory():
    assert apart.call(fill, 10, 100) == 10
    with pytest.raises(apart.EndedError) as ended:
        apart.call(fill, 300, 100)
    assert ended.value.code == memory.TOO_MUCH


@linux
def test_the_growth_is_what_was_held():
    assert apart.call(grow, 64) == pytest.approx(64 * 2**20, rel=0.05)


def test_a_working_directory_shadows_no_module(tmp_path, monkeypatch):
    (tmp_path / "multiprocessing").mkdir()
    (tmp_path / "colorsys.py").write_text("raise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    apart.prepare(["colorsys", "there_is_no_such_module"])
    assert apart.call(abs, -1) == 1
    assert "PYTHONSAFEPATH" not in os.environ or sys.flags.safe_path


def test_contenders_take_turns_and_each_gets_its_rounds():
    calls = []
    passes = {name: lambda name=name: calls.append(name) or 1.0 for name in "ab"}
    found = take_turns(passes, 3, seconds=0)
    assert set(found) == {"a", "b"}
    assert all(isinstance(window, Window) for window in found.values())
    assert calls[:2] == ["a", "b"]


def test_a_forward_pass_keeps_no_graph_and_the_other_reaches_all_inputs():
    modes = []

    def attend(query, key, value):
        modes.append((torch.is_grad_enabled(), query.requires_grad, value.requires_grad))
        return query + key + value

    tensors = projected(1, 2, 8, 4)
    assert forward(attend, tensors) >= 0
    assert forward_backward(attend, tensors) >= 0
    assert modes == [(False, False, False), (True, True, True)]


def test_what_is_measured_when_ctrl_c_comes_is_kept(monkeypatch):
    said = []

    def stop(text, done):
        said.append(text)
        if "16: trying" in text:
            raise KeyboardInterrupt

    settings = AttentionSettings(lengths=(8, 16), heads=1, head_dim=4, rounds=1, device="cpu")
    benchmark = AttentionBenchmark(settings, [Contender("full", {}), Contender("bad", problem="no")], stop)
    monkeypatch.setattr(benchmark, "_built_in", list)
    rows = benchmark.run()
    assert benchmark.interrupted
    assert [(row.length, row.attention, row.status) for row in rows] == [
        (8, "full", "measured"),
        (8, "bad", "left out"),
        (16, "full", "left out"),
        (16, "bad", "left out"),
    ]
    assert rows[2].reason == "ctrl-C came before it was measured"
