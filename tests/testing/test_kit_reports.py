"""What the kit reports, to programs, to pytest and on the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dougong.command_line.main import main
from dougong.compose.config_source import plugin_folders
from dougong.errors import UserError
from dougong.registry.catalogue import catalogue
from dougong.testing import Report, Result, check_plugin, checks

MUTANTS = [str(Path(__file__).parent / "mutants")]


def test_importing_the_kit_imports_no_torch():
    code = "import dougong.testing, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_report_counts_what_passed_failed_and_was_skipped():
    report = check_plugin("schedule", "long_runs", plugin_path=MUTANTS)
    outcomes = {result.name: result.outcome for result in report.results}
    assert outcomes.pop("long_runs") == "failed"
    assert set(outcomes.values()) == {"passed"}
    assert not report.ok
    count = len(report.results)
    assert report.summary == f"schedule/long_runs: {count} checks: {count - 1} passed, 1 failed"
    text = str(report)
    assert text.endswith(report.summary)
    assert all(result.name in text and result.promise in text for result in report.results)
    assert "-> OverflowError" in text


def test_a_known_failure_is_reported_with_its_reason_and_fails_nothing():
    known = {"long_runs": "no run is so long"}
    report = check_plugin("schedule", "long_runs", plugin_path=MUTANTS, known_failures=known)
    (result,) = (item for item in report.results if item.name == "long_runs")
    assert (result.outcome, result.reason) == ("known failure", "no run is so long")
    assert report.ok
    assert "1 known failure" in report.summary


def test_a_known_failure_that_passes_is_a_failure():
    report = check_plugin("schedule", "constant", known_failures={"purity": "it counts"})
    (result,) = (item for item in report.results if item.name == "purity")
    assert result.outcome == "failed"
    assert "declared as a known failure (it counts), and it passes" in result.reason


def test_a_class_may_declare_its_known_failures(monkeypatch):
    folders = [*plugin_folders(), *MUTANTS]  # as `check_plugin` adds them to those of an earlier test
    plugin = catalogue(dict.fromkeys(folders)).get("schedule", "no_lost_update").load()
    monkeypatch.setattr(plugin, "known_failures", {"no_lost_update": "it is meant to"}, raising=False)
    assert check_plugin("schedule", "no_lost_update", plugin_path=MUTANTS).ok


def test_a_known_failure_of_no_check_is_refused():
    with pytest.raises(UserError, match="there is no check `puritiy`"):
        check_plugin("schedule", "constant", known_failures={"puritiy": "x"})


@pytest.mark.parametrize(
    ("kind", "name", "settings", "message"),
    [
        ("schedule", "linaer_warmup", {}, "Did you mean `linear_warmup`"),
        ("schedul", "constant", {}, "there is no such kind of plugin. Did you mean `schedule`"),
        ("schedule", "linear_warmup", {"warmpu": 1}, "Did you mean `warmup`"),
        ("schedule", "linear_warmup", {"warmup": -1}, "schedule.warmup: must be >= 0"),
    ],
)
def test_what_can_not_be_checked_is_refused_in_one_line(kind, name, settings, message):
    with pytest.raises(UserError, match=message):
        check_plugin(kind, name, settings=settings)


def test_a_setting_that_a_plugin_needs_has_to_be_given(write):
    path = write(
        "mine/it.py",
        """
        from dougong import register
        from dougong.contracts.schedule import Schedule


        @register("schedule", "needs_it")
        class NeedsIt(Schedule):
            '''The same rate always.

            Args:
                rate: it.
            '''

            def __init__(self, rate: float) -> None:
                self.rate = rate

            def factor(self, update: int, updates: int) -> float:
                return self.rate
        """,
    )
    with pytest.raises(UserError, match=r"schedule\.rate: has to be given"):
        check_plugin("schedule", "needs_it", plugin_path=[str(path.parent)])
    assert check_plugin("schedule", "needs_it", settings={"rate": 0.5}, plugin_path=[str(path.parent)]).ok


def test_settings_are_those_that_are_checked():
    report = check_plugin("schedule", "linear_warmup", settings={"final": 0.5})
    assert report.ok


def test_a_plugin_that_was_registered_at_run_time_is_checked_too():
    from dougong import register
    from dougong.contracts.schedule import Schedule

    @register("schedule", "now")
    class Now(Schedule):
        """Registered in a test."""

        def factor(self, update: int, updates: int) -> float:
            """Always one."""
            return 1.0

    report = check_plugin("schedule", "now")
    assert report.ok
    assert {item.name: item.outcome for item in report.results}["reading"] == "skipped"


def test_a_check_skips_and_expects_failures_through_pytest():
    by_name = {str(item): item for item in checks("attention", "local")}
    with pytest.raises(pytest.skip.Exception, match='does not support "cross"'):
        by_name["another_length"]()
    known = {"finite": "it may fall below zero"}
    (finite,) = (
        item
        for item in checks("schedule", "finite", plugin_path=MUTANTS, known_failures=known)
        if str(item) == "finite"
    )
    with pytest.raises(pytest.xfail.Exception, match="may fall below zero"):
        finite()


def test_nothing_is_printed_or_logged_by_what_is_checked(capsys, caplog):
    (check,) = (item for item in checks("task", "causal_lm") if str(item) == "whole_run")
    check()
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_a_report_without_results_is_a_report():
    assert str(Report("a/b", ())) == "\na/b: 0 checks: "
    assert Report("a/b", (Result("x", "y", "skipped", "z"),)).ok


def test_the_command_prints_the_report_and_exits_with_0_or_1(capsys):
    assert main(["plugins", "check", "schedule/constant"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("passed")
    assert main(["plugins", "check", "schedule/finite", f"plugin_path={MUTANTS[0]}"]) == 1
    out = capsys.readouterr().out
    assert "failed        finite" in out
    assert "-> update 0 of 1: the factor is -0.1" in out


@pytest.mark.parametrize("prefix", ["schedule", "schedule.linear_warmup"])
def test_the_command_takes_settings_of_the_plugin(prefix, capsys):
    assert main(["plugins", "check", "schedule/linear_warmup", f"{prefix}.warmup=3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["outcome"] for row in rows} == {"passed"}
    assert all(row["promise"] for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["schedule/constnat"], "Did you mean `constant`"),
        (["schedule"], "takes one KIND/NAME"),
        (["schedule/constant", "attention/local"], "takes one KIND/NAME"),
        (["schedule/linear_warmup", "schedule.warmpu=1"], "Did you mean `warmup`"),
        (["schedule/linear_warmup", "optimizer.lr=1"], "not a setting of schedule/linear_warmup"),
        (["attention/local", "attention.window=3"], "they begin with attention.local."),
        (["schedule/constant", "--jsn"], "there is no such option"),
        (["data/text_table", "plugin_path=/nowhere/at/all"], "/nowhere/at/all does not exist"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line(words, message, capsys):
    assert main(["plugins", "check", *words]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert message in told.err
    assert len(told.err.splitlines()) == 1


def test_an_unknown_plugin_is_refused_before_torch_is_imported(without_torch):
    assert "Did you mean `local`" in without_torch("plugins", "check", "attention/locla").refused()
    assert "usage: " in without_torch("plugins", "check", "--help").done()
