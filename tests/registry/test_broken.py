"""Plugins that can't be used: they are listed with the reason, and nothing else suffers."""

import json
from pathlib import Path

import pytest

from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue

HEAD = """
from dougong import register
from dougong.contracts.schedule import Schedule
"""
GOOD = """
@register("schedule", "NAME")
class Good(Schedule):
    '''Good.'''

    def factor(self, update, updates):
        return 1.0
"""

BROKEN = {
    "syntax": (HEAD + GOOD + "def (:\n", "it.py:10: invalid syntax"),
    "package": ("import a_package_of_mine\n" + HEAD + GOOD, "it.py imports a_package_of_mine, which is not installed"),
    "function": (HEAD + "@register('schedule', 'NAME')\ndef schedule(): ...\n", "@register is not on a class"),
}


def broken(write, text: str) -> Path:
    return write("mine/it.py", text.replace("NAME", "bad")).parent


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_listed_with_the_reason_and_breaks_nothing_else(write, without_torch, text, reason):
    folder = broken(write, text)
    write("mine/other.py", HEAD + GOOD.replace("NAME", "good"))
    rows = json.loads(without_torch("plugins", f"plugin_path={folder}", "--json").done())
    by_name = {row["name"]: row for row in rows if row["kind"] == "schedule"}
    assert reason in by_name["bad"]["problem"]
    assert all(row["problem"] is None for row in rows if row["name"] != "bad")
    assert by_name["good"]["summary"] == "Good."
    listed = " ".join(without_torch("plugins", f"plugin_path={folder}").done().split())
    assert "broken: " in listed
    assert "name: good" in without_torch("train", "schedule=good", f"plugin_path={folder}", "--cfg", "job").done()


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
def test_choosing_a_broken_plugin_is_one_line_with_the_reason(write, without_torch, text, reason):
    folder = broken(write, text)
    for words in (("train", "schedule=bad"), ("plugins", "show", "schedule/bad")):
        line = without_torch(*words, f"plugin_path={folder}").refused()
        assert line.startswith("schedule/bad can't be used: ")
        assert reason in line


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise RuntimeError('no\\nluck')", "RuntimeError: no luck"),
        ("from dougong.contracts.schedule import Shedule", "ImportError: cannot import name 'Shedule'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_while_importing_is_one_line_when_the_plugin_is_used(write, line, reason):
    path = write("mine/it.py", HEAD + line + "\n" + GOOD.replace("NAME", "bad"))
    with pytest.raises(UserError) as refused:
        Catalogue([path.parent]).get("schedule", "bad").load()
    assert str(refused.value).startswith(f"schedule/bad does not import ({path}:")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_training_with_a_plugin_that_does_not_import_is_one_line_before_torch_is_imported(write, without_torch):
    path = write("mine/it.py", HEAD + "1 / 0\n" + GOOD.replace("NAME", "bad"))
    line = without_torch("train", "schedule=bad", "data.size=20", f"plugin_path={path.parent}").refused()
    assert line == f"schedule/bad does not import ({path}:5): ZeroDivisionError: division by zero"


def test_two_plugins_of_one_name_are_named_with_both_places_and_hurt_only_that_name(write, without_torch):
    one, two = (write(f"mine/{name}.py", HEAD + GOOD.replace("NAME", "twin")) for name in ("one", "two"))
    write("mine/other.py", HEAD + GOOD.replace("NAME", "good"))
    where = f"plugin_path={one.parent}"
    rows = json.loads(without_torch("plugins", "schedule", where, "--json").done())
    problem = next(row["problem"] for row in rows if row["name"] == "twin")
    assert problem == f"two plugins are called schedule/twin: {one}:4 and {two}:4; rename one."
    assert "good" in [row["name"] for row in rows if row["problem"] is None]
    assert problem in without_torch("train", "schedule=twin", where).refused()
    assert "name: good" in without_torch("train", "schedule=good", where, "--cfg", "job").done()


def test_a_plugin_that_bears_a_built_in_name_is_a_clash_not_a_replacement(write):
    path = write("mine/it.py", HEAD + GOOD.replace("NAME", "constant"))
    found = Catalogue([path.parent]).get("schedule", "constant")
    assert str(path) in found.problem
    assert "dougong_plugins" in found.problem


def test_the_same_folder_named_twice_is_no_clash(write, monkeypatch):
    path = write("mine/it.py", HEAD + GOOD.replace("NAME", "good"))
    monkeypatch.setenv("DOUGONG_PLUGINS", str(path.parent))
    monkeypatch.chdir(path.parents[1])
    assert Catalogue(["mine", path.parent, path]).get("schedule", "good").problem is None
