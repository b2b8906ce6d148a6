"""`dougong dashboard` from outside: what it serves, to whom, and what it leaves."""

import json
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from run_folders import config, write_metrics, write_run

from dougong.command_line.main import main
from dougong.runs.curves import read_curves

pytestmark = pytest.mark.slow


def ask(address, name, **words):
    """What Trackio's API answers."""
    top = address.partition("?")[0]
    request = urllib.request.Request(
        f"{top}api/{name}", json.dumps(words).encode(), {"Content-Type": "application/json"}
    )
    answer = json.loads(urllib.request.urlopen(request, timeout=10).read())
    return answer["data"] if isinstance(answer, dict) and "data" in answer else answer


@pytest.fixture
def folders(tmp_path):
    top = tmp_path / "runs"
    return [write_run(top / name, config(name), accuracy=0.8, points=12) for name in ("full", "local")]


def test_it_serves_what_the_folders_hold_and_what_is_added(dashboard, until, folders):
    address, _ = dashboard(str(folders[0].parent))

    def runs():
        return {run["name"]: run["id"] for run in ask(address, "get_runs_for_project", project="runs")}

    until(lambda: len(runs()) == 2)
    names = runs()
    assert list(names.values()) == [str(folder) for folder in folders] or set(names.values()) == set(map(str, folders))

    def curve(folder, metric):
        name = next(name for name, identity in names.items() if identity == str(folder))
        logs = ask(address, "get_logs", project="runs", run=name, run_id=str(folder))
        return [(entry["step"], entry[metric]) for entry in logs if metric in entry]

    for folder in folders:
        for metric, expected in read_curves(folder)[0].items():
            assert curve(folder, metric) == list(zip(expected.updates, expected.values, strict=True))
    write_metrics(folders[0], 0.9, 15)
    until(lambda: len(curve(folders[0], "train/loss")) == 15)
    assert [value for _, value in curve(folders[0], "train/loss")] == list(
        read_curves(folders[0])[0]["train/loss"].values
    )


def test_only_this_machine_can_reach_it_and_nobody_can_change_a_run(dashboard, until, folders):
    address, process = dashboard(str(folders[0].parent))
    port = int(address.rpartition(":")[2].partition("/")[0])
    listening = [line.split() for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()][1:]
    assert [line[1] for line in listening if line[1].endswith(f":{port:04X}") and line[3] == "0A"] == [
        f"0100007F:{port:04X}"
    ]
    foreign = urllib.request.Request(address, headers={"Host": "somewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(foreign, timeout=10)
    until(lambda: len(ask(address, "get_runs_for_project", project="runs")) == 2)
    run = ask(address, "get_runs_for_project", project="runs")[0]
    for name in ("delete_run", "bulk_log"):
        with pytest.raises(urllib.error.HTTPError):
            ask(address, name, project="runs", run=run["name"], run_id=run["id"], logs=[])
    assert len(ask(address, "get_runs_for_project", project="runs")) == 2


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_and_leaves_nothing(dashboard, until, folders, tmp_path, way):
    before = sorted(path for folder in folders for path in folder.rglob("*"))
    address, process = dashboard(str(folders[0].parent))
    until(lambda: len(ask(address, "get_runs_for_project", project="runs")) == 2)
    assert list((tmp_path / "temporary").iterdir())
    process.send_signal(way)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "")
    assert not list((tmp_path / "temporary").iterdir())
    assert sorted(path for folder in folders for path in folder.rglob("*")) == before


def test_a_port_that_is_taken_is_an_error_of_one_line(folders, capsys, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = main(["dashboard", str(folders[0].parent), f"port={port}"])
    assert code == 2
    assert f"port: {port} can't be used" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: does not exist"),
        (["--watch"], "--watch: there is no such option."),
        (["port=many"], "port: "),
        (["port=70000"], "port: must be <= 65535"),
        (["prt=1"], "Did you mean `port`?"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(words, said, folders, capsys):
    given = words if words == ["nowhere"] else [str(folders[0].parent), *words]
    assert main(["dashboard", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_without_trackio_it_says_what_to_install(folders, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "trackio", None)
    monkeypatch.setitem(sys.modules, "trackio.sqlite_storage", None)
    for name in ("TRACKIO_DIR", "TRACKIO_STORAGE_MODE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")
    assert main(["dashboard", str(folders[0].parent)]) == 2
    assert "pip install dougong[dashboard]" in capsys.readouterr().err
