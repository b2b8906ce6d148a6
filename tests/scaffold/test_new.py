"""`dougong plugins new`: what it writes, and what it refuses, where torch can't be imported."""

import json
import shlex
import tomllib

import pytest

from dougong.command_line.main import main
from dougong.kinds import KINDS


def written(text: str) -> list[str]:
    """The files that an output names."""
    return [line.strip() for line in text.partition("Next:")[0].splitlines()[1:] if line]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_of_every_kind_is_listed_explained_and_chosen_at_once(kind, without_torch):
    out = without_torch("plugins", "new", f"{kind}/fresh").done()
    assert written(out) == ["mine/fresh.py", "mine/test_fresh.py"]
    shown = json.loads(without_torch("plugins", "show", f"{kind}/fresh", "--json", "plugin_path=mine").done())
    assert (shown["problem"], shown["origin"]) == (None, str(without_torch.folder / "mine"))
    assert shown["summary"]
    assert shown["settings"], "a template shows how a setting is written"
    assert all(item["help"] and not item["required"] for item in shown["settings"])
    command = next(line for line in out.splitlines() if line.startswith("  dougong train"))
    assert "fresh" in without_torch(*shlex.split(command)[1:], "--cfg", "job").done()


def test_the_output_says_how_to_train_with_it_how_to_check_it_and_how_to_test_it(without_torch):
    out = without_torch("plugins", "new", "schedule/steep", "--into", "my folder").done()
    assert out.partition("Next:\n")[2].splitlines() == [
        "  dougong train 'plugin_path=my folder' schedule=steep",
        "  dougong plugins check schedule/steep 'plugin_path=my folder'",
        "  python -m pytest 'my folder/test_steep.py'",
    ]
    assert "name: steep" in without_torch("train", "plugin_path=my folder", "schedule=steep", "--cfg", "job").done()


@pytest.mark.parametrize("folder", ["a,b", "it's", "[x]", "a=b", "2024", "null", "日本", "a\\b", "x{y}", "a (b)", "-x"])
def test_the_commands_that_are_printed_work_for_folders_of_any_name(folder, without_torch):
    out = without_torch("plugins", "new", "schedule/steep", f"--into={folder}").done()
    train = shlex.split(out.partition("Next:\n")[2].splitlines()[0])
    assert "name: steep" in without_torch(*train[1:], "--cfg", "job").done()


def test_a_distribution_has_all_that_an_installable_package_needs(without_torch):
    out = without_torch("plugins", "new", "schedule/steep", "--package", "Dougong-Steep.schedules").done()
    root = without_torch.folder / "Dougong-Steep.schedules"
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert files == {
        *("pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml", "tests/test_steep.py"),
        *(f"src/dougong_steep_schedules/{name}" for name in ("__init__.py", "py.typed", "steep.py")),
    }
    assert {f"{root.name}/{name}" for name in files} == set(written(out))
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["dougong.plugins"] == {
        "dougong_steep_schedules": "dougong_steep_schedules"
    }
    for path in root.rglob("*"):
        assert path.is_dir() or "{{" not in path.read_text().replace("${{ matrix.python }}", ""), path


def test_a_second_plugin_is_added_to_a_distribution_and_nothing_else_is_touched(without_torch):
    without_torch("plugins", "new", "schedule/steep", "--package", "dougong-more").done()
    root = without_torch.folder / "dougong-more"
    (root / "README.md").write_text("My own words.\n")
    before = {path: path.read_text() for path in root.rglob("*") if path.is_file()}
    out = without_torch("plugins", "new", "attention/wide", "--package=dougong-more").done()
    assert written(out) == ["dougong-more/src/dougong_more/wide.py", "dougong-more/tests/test_wide.py"]
    assert all(path.read_text() == text for path, text in before.items())


@pytest.mark.parametrize("option", ["--into", "--package"])
def test_an_existing_file_is_never_overwritten_and_then_nothing_is_written(option, without_torch):
    folder = without_torch.folder / "there"
    test = folder / ("test_steep.py" if option == "--into" else "README.md")
    folder.mkdir()
    test.write_text("mine\n")
    line = without_torch("plugins", "new", "schedule/steep", option, "there").refused()
    assert line == f"there/{test.name} exists already; nothing was written."
    assert [path.read_text() for path in folder.rglob("*") if path.is_file()] == ["mine\n"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("attenton/wide", "Did you mean `attention`?"),
        ("attention", "takes KIND/NAME, as attention/my_attention"),
        ("attention/", "takes KIND/NAME"),
        ("", "takes one KIND/NAME"),
        ("attention/a attention/b", "takes one KIND/NAME"),
        ("attention/my-window", "`my_window` would do"),
        ("attention/MyWindow", "`my_window` would do"),
        ("attention/_window", "`window` would do"),
        ("attention/a/b", "`a_b` would do"),
        ("attention/../b", "digits and underscores"),
        ("attention/2nd", "begins with a letter"),
        ("attention/lambda", "no word of Python's own"),
        ("attention/null", "no value (null, true, false, nan, inf)"),
        ("attention/é", "small letters (a to z)"),
        ("attention/" + 101 * "a", "100 at most"),
        ("attention/conftest", "pytest would take conftest.py for one of its own"),
        ("attention/test_wide", "pytest would take test_wide.py for one of its own"),
        ("attention/local", "the name is taken by "),
        ("attention/json", "a module json exists"),
        ("attention/torch", "a module torch exists"),
        ("attention/a --into b --package c", "only one of them"),
        ("attention/a --int b", "Did you mean `--into`?"),
        ("attention/a --into", "--into: needs a value"),
        ("attention/a --into file.txt", "file.txt is a file"),
        ("attention/a --into " + 300 * "b", "can't be used: File name too long."),
        ("attention/a --package " + 300 * "b", "can't be used: File name too long."),
        ("attention/a --into file.txt/b", "file.txt/b can't be written: Not a directory."),
        ("attention/a --package ../b", "a distribution's name"),
        ("attention/a --package dougong", "a module dougong exists"),
        ("attention/a --package numpy", "a module numpy exists"),
        ("attention/a --package foreign", "no package below src/ as an entry point"),
    ],
)
def test_what_can_not_be_made_is_refused_in_one_line_and_nothing_is_written(words, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "pyproject.toml").write_text("[project]\nname = 'foreign'\n")
    (tmp_path / "file.txt").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert main(["plugins", "new", *words.split()]) == 2
    out, error = capsys.readouterr()
    assert line in error
    assert (out, error.count("\n")) == ("", 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_that_a_plugin_of_the_same_folder_has_is_taken(without_torch):
    without_torch("plugins", "new", "schedule/steep", "--into", "a").done()
    (without_torch.folder / "a" / "steep.py").rename(without_torch.folder / "a" / "other.py")
    assert "taken by" in without_torch("plugins", "new", "schedule/steep", "--into", "a").refused()


def test_its_help_names_kinds_and_options(without_torch):
    text = without_torch("plugins", "new", "--help").done()
    assert "usage: dougong plugins new KIND/NAME" in text
    assert all(word in text for word in (*KINDS, "--into", "--package"))
