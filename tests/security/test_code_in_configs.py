"""No configuration runs code: not a file, not a word, not that of a checkpoint or of an earlier run."""

import copy
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from runs import TINY, train

import dougong
from dougong.command_line.main import main
from dougong.errors import UserError

MINE = """
from pathlib import Path
Path({marker!r}).touch()
from dougong import register
from dougong_plugins.schedule.constant import Constant

@register("schedule", "mine")
class Mine(Constant):
    \"\"\"The same.\"\"\"
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def marker(tmp_path):
    """What must not be there."""
    return tmp_path / "marker"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two updates."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(folder, "trainer.max_updates=2")
    return folder


def refused(capfd, *words) -> str:
    assert main(["train", *TINY, *words]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1, said
    return said


FILES = {
    "a tag of Python's": "seed: !!python/object/apply:os.system ['touch {marker}']",
    "a name of Python's": "seed: !!python/name:os.system",
    "a module of Python's": "seed: !!python/module:antigravity",
    "a target in a plugin": "optimizer:\n  _target_: os.system\n  command: touch {marker}",
    "a target in a group": "trainer:\n  _target_: os.system",
    "a target at the top": "_target_: os.system",
    "a target in a setting": "optimizer:\n  groups:\n    a:\n      _target_: os.system",
    "a target of a launcher": "hydra:\n  mode: MULTIRUN\n  launcher:\n    _target_: os.system",
    "a target of a sweeper": "hydra:\n  mode: MULTIRUN\n  sweeper:\n    _target_: os.system",
    "a callback of Hydra's": "hydra:\n  callbacks:\n    a:\n      _target_: os.system\n      command: touch {marker}",
    "a handler of the log": "hydra:\n  job_logging:\n    handlers:\n      a:\n        (): os.system\n"
    "        command: touch {marker}\n    root:\n      handlers: [a]",
    "a class of the log": "hydra:\n  job_logging:\n    handlers:\n      a:\n        class: subprocess.Popen\n"
    "        args: touch {marker}\n    root:\n      handlers: [a]",
    "an object of the log": "hydra:\n  job_logging:\n    handlers:\n      file:\n        level: ext://os.system",
    "the environment": "hydra:\n  job:\n    env_set:\n      LD_PRELOAD: /tmp/a.so",
    "folders of plugins": "plugin_path: [planted]",
}
OF_HYDRA = [name for name in FILES if FILES[name].startswith("hydra:")]


@pytest.mark.parametrize(
    ("name", "mode"),
    [*((name, "alone") for name in FILES), *((name, mode) for name in OF_HYDRA for mode in ("many", "by itself"))],
)
def test_an_experiment_runs_no_code(name, mode, write, marker, capfd):
    write("planted/mine.py", MINE.format(marker=str(marker)))
    folder = write("conf/experiment/evil.yaml", "# @package _global_\n" + FILES[name].replace("{marker}", str(marker)))
    # The jobs of a sweep are run so, without being asked for.
    words = {"alone": [], "many": ["-m", "seed=1,2"], "by itself": ["hydra.mode=RUN"]}[mode]
    refused(capfd, *words, "experiment=evil", "--config-dir", str(folder.parents[1]))
    assert not marker.exists()


@pytest.mark.parametrize("group", ["optimizer", "trainer"])
def test_a_preset_that_reaches_for_hydra_is_refused(group, write, capfd, marker):
    first = "defaults: [adamw, _self_]\n" if group == "optimizer" else ""
    callback = f"hydra:\n  callbacks:\n    a: {{_target_: os.system, command: touch {marker}}}\n"
    folder = write(f"conf/{group}/evil.yaml", f"# @package _global_\n{first}{callback}")
    assert "callbacks" in refused(capfd, f"{group}=evil", "--config-dir", str(folder.parents[1]))
    assert not marker.exists()


@pytest.mark.parametrize(
    "word",
    [
        "+task._target_=os.system",
        "optimizer._target_=os.system",
        "+_target_=os.system",
        "+hydra.callbacks.a._target_=os.system",
        "hydra.job_logging.handlers.file.class=subprocess.Popen",
        "+hydra.job_logging.handlers.file.()=os.system",
        "hydra.launcher._target_=os.system",
        "+hydra.job.env_set.PYTHONPATH=/tmp",
        "task=../../evil",
        "+task@hydra.callbacks=tagging",
    ],
)
def test_a_word_runs_no_code(word, capfd):
    words = ["-m"] if "launcher" in word else []
    refused(capfd, *words, word)


CHANGES = {
    "a target in a plugin": lambda config: config["optimizer"].update(_target_="os.system"),
    "a target in the task": lambda config: config["task"].update(_target_="os.system"),
    "a plugin by its path": lambda config: config["task"].update(name="../../evil"),
    "a module for a name": lambda config: config["encoder"].update(name="os"),
    "no text for a name": lambda config: config["task"].update(name=["os", "system"]),
    "no plugin at all": lambda config: config.update(encoder=3),
    "nested without end": lambda config: config["task"].update(max_length=eval("[" * 90 + "]" * 90)),
    "nothing": lambda config: config.clear(),
    "facts of another kind": None,
    "a tokenizer that is none": None,
    "a tokenizer nested without end": None,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_that_says_something_else_is_refused_in_a_line(name, trained, tmp_path):
    content = torch.load(trained / "checkpoints" / "last.ckpt", weights_only=True)
    described = content["dougong"]
    if change := CHANGES[name]:
        change(described["config"])
    elif name.startswith("facts"):
        described["facts"] = [1, 2]
    else:
        described["tokenizer"] = "{}" if name.endswith("none") else '{"model":' * 3_000
    path = tmp_path / "a.ckpt"
    torch.save(content, path)
    if name == "a target in a plugin":  # the optimizer is not made to answer, and its settings are not looked at
        assert dougong.load(path)
        return
    with pytest.raises(UserError) as caught:
        dougong.load(path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_does_not_name_folders_of_plugins(trained, tmp_path, write, marker):
    folder = write("planted/mine.py", MINE.format(marker=str(marker))).parent
    content = torch.load(trained / "checkpoints" / "last.ckpt", weights_only=True)
    for named in (["planted"], [str(folder)]):
        changed = copy.deepcopy(content)
        changed["dougong"]["config"]["plugin_path"] = named
        changed["dougong"]["config"]["schedule"] = {"name": "mine"}
        changed["dougong"]["config"]["task"]["name"] = "mine"
        torch.save(changed, tmp_path / "a.ckpt")
        with pytest.raises(UserError, match="task=mine: there is no such task"):
            dougong.load(tmp_path / "a.ckpt")
    assert not marker.exists()


RUNS = {
    "a tag of Python's": "seed: !!python/object/apply:os.system ['touch marker']",
    "a target": "_target_: os.system",
    "no mapping": "[1, 2]",
    "nested without end": "[" * 5_000,
    "plugins beside it": "plugin_path: [planted]",
    "plugins within it": None,
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_somebody_sent_runs_no_code(name, trained, tmp_path, write, capfd, marker):
    write("planted/mine.py", MINE.format(marker=str(marker)))
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    if RUNS[name] is None:
        shutil.move(tmp_path / "planted", run / "planted")
        config = yaml.safe_load((run / "config.yaml").read_text())
        config.update(plugin_path=[str(run / "planted")], schedule={"name": "mine"})
        (run / "config.yaml").write_text(yaml.safe_dump(config))
    else:
        (run / "config.yaml").write_text(RUNS[name])
    assert main(["train", "resume=run"]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1, said
    assert not marker.exists()
    assert not (Path.cwd() / "marker").exists()
