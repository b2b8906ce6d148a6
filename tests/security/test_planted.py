"""What lies in the working directory, or in what somebody sent, is run by nobody who has not named it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dougong.training.facts import git_commit

MARK = "from pathlib import Path\nPath({marker!r}).touch()\n"
PLUGIN = """
from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "planted")
class Planted(Schedule):
    def __call__(self, update, updates):
        return 1.0
"""
NAMES = (
    *("yaml.py", "torch.py", "numpy.py", "sitecustomize.py", "usercustomize.py", "wandb.py", "rich/__init__.py"),
    *("hydra_plugins/evil/__init__.py", "hydra_plugins/evil.py", "hydra/__init__.py", "dougong_plugins/__init__.py"),
    *("dougong_plugins/schedule/planted.py", "plugins/planted.py", "mine/planted.py", "planted.py", "conf/planted.py"),
)


@pytest.fixture
def planted(command, tmp_path):
    """A folder full of traps, and the file that any of them leaves."""
    marker = tmp_path / "marker"
    for name in NAMES:
        path = command.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MARK.format(marker=str(marker)) + (PLUGIN if "planted" in name else ""))
    return marker


def test_modules_and_plugins_in_the_working_directory_are_left_alone(command, planted):
    assert '"planted"' not in command("plugins", "schedule", "--json").done()
    assert "name: toy" in command("train", "--cfg", "job").done()
    line = command("train", "schedule=planted").refused()
    assert line.startswith("schedule=planted: there is no such schedule.")
    assert not planted.exists()


def test_a_module_called_like_the_program_is_left_alone_by_the_installed_command(command, planted):
    (command.folder / "dougong.py").write_text(MARK.format(marker=str(planted)))
    # As the installed command has it: the folder of the script is first, not the working directory.
    code = "import sys; del sys.path[0]; from dougong.command_line.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--cfg", "job"],
        cwd=command.folder,
        env=command.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "name: toy" in done.stdout
    assert not planted.exists()


def test_a_folder_of_plugins_is_listed_once_it_is_named_and_run_once_it_is_chosen(command, planted):
    assert '"planted"' in command("plugins", "schedule", "--json", "plugin_path=mine").done()
    assert not planted.exists()


def test_a_repository_can_not_have_git_run_its_programs(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "a").write_text("a")
    git("add", "a")
    git("commit", "-m", "a")
    script = tmp_path / "monitor"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/marker\n")
    script.chmod(0o755)
    git("config", "core.fsmonitor", str(script))
    subprocess.run(["git", "status"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "marker").unlink()  # this is what git itself does
    assert len(git_commit(tmp_path) or "") >= 40
    assert not (tmp_path / "marker").exists()


def test_the_folder_that_python_was_told_of_is_not_taken_away():
    roots = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "dougong", "--version"],
        cwd=Path(roots[0]) if roots[0] else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("dougong ")
