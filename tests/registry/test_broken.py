"""Plugins that can't be used: they are listed with the reason, and nothing else suffers."""

import json
import os
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


@pytest.fixture
def site(write, without_torch):
    """A folder that looks like site-packages, with one installed distribution; answers commands that see it."""

    def run(metadata: str, text: str, *words: str, target: str = "theirs"):
        where = write("site/theirs.py", text).parent
        if metadata:
            write(
                "site/theirs-1.2.dist-info/METADATA", f"Metadata-Version: 2.1\nName: theirs\nVersion: 1.2\n{metadata}"
            )
        write("site/theirs-1.2.dist-info/entry_points.txt", f"[dougong.plugins]\nmine = {target}\n")
        return without_torch(*words, PYTHONPATH=os.pathsep.join((*without_torch.paths, str(where))))

    return run


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("numpy>=99", "it needs numpy>=99, and "),
        ("dougong<0.0.1", "it needs dougong<0.0.1, and "),
        ("a-package-of-mine>=1", "it needs a-package-of-mine, which is not installed"),
        ("numpy>=1", None),
        ("dougong>=0.1", None),
        ("a-package-of-mine; extra == 'more'", None),
        ("a-package-of-mine; python_version < '3'", None),
        ("a-package-of-mine @ https://example.org/it.whl", None),
        ("not a requirement !", None),
    ],
)
def test_what_a_package_needs_and_lacks_is_known_before_anything_is_imported(site, requirement, problem):
    text = HEAD + GOOD.replace("NAME", "theirs")
    rows = json.loads(site(f"Requires-Dist: {requirement}\n", text, "plugins", "schedule", "--json").done())
    (row,) = [row for row in rows if row["name"] == "theirs"]
    assert row["origin"] == "theirs 1.2"
    assert row["problem"] is None if problem is None else row["problem"].startswith(problem)
    answer = site(f"Requires-Dist: {requirement}\n", text, "train", "schedule=theirs", "--cfg", "job")
    assert "name: theirs" in answer.done() if problem is None else problem in answer.refused()


def test_an_installed_package_can_not_take_a_built_in_name_away(site):
    text = HEAD + GOOD.replace("NAME", "constant")
    rows = json.loads(site("Summary: it\n", text, "plugins", "schedule", "--json").done())
    problems = {row["origin"]: row["problem"] for row in rows if row["name"] == "constant"}
    assert problems["built-in"] is None
    assert problems["theirs 1.2"].startswith("the name is taken by the built-in plugin at ")
    assert "name: constant" in site("Summary: it\n", text, "train", "schedule=constant", "--cfg", "job").done()


@pytest.mark.parametrize("target", ["theirs", "not a module", "theirs.gone", ""])
def test_damaged_metadata_and_entry_points_break_nothing(site, target):
    text = HEAD + GOOD.replace("NAME", "theirs")
    names = [row["name"] for row in json.loads(site("", text, "plugins", "--json", target=target).done())]
    assert "constant" in names
    assert ("theirs" in names) == (target == "theirs")
