"""Files of any kind that somebody prepared: they are refused in a line, and run nothing."""

import json
import os
import pickle
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from dougong.api import plugins
from dougong.contracts.data import Data
from dougong.data.token_file import _load
from dougong.errors import UserError
from dougong.sweep.study import trial_of
from dougong.training.run import read_record


class Malicious:
    """Unpickling it leaves a mark."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def marker(tmp_path):
    """What must not be there."""
    return tmp_path / "marker"


@pytest.mark.parametrize("name", sorted(plugins("data")))
def test_a_pickle_in_place_of_data_is_not_unpickled(name, tmp_path, marker):
    folder = tmp_path / "data"
    folder.mkdir()
    plugin: type[Data] = plugins("data")[name].load()
    settings = plugin.trial_settings(folder)
    for path in folder.iterdir():
        path.write_bytes(pickle.dumps(Malicious(marker), protocol=0))
    if name in ("toy", "mixture"):
        assert not list(folder.iterdir()), "it reads no files"
        return
    with suppress(UserError):  # to readers of plain text it is a text
        made = plugin(**settings)
        list(made.records("train", plugin.yields[0]))
    assert not marker.exists()


def test_tokens_that_were_kept_hold_no_objects(tmp_path, marker):
    bad = np.array([Malicious(marker)], dtype=object)
    np.savez(tmp_path / "documents.npz", ends=bad, characters=bad)
    (tmp_path / "tokens.bin").write_bytes(b"\0\0")
    assert _load(tmp_path, np.dtype(np.uint16)) is None
    (tmp_path / "documents.npz").write_bytes(pickle.dumps(Malicious(marker)))
    assert _load(tmp_path, np.dtype(np.uint16)) is None
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a": ' + b"7" * 10_000 + b"}", b"\xff\xfe", b"[1]", b""])
def test_a_damaged_record_of_a_run_counts_as_none(content, tmp_path):
    (tmp_path / "run.json").write_bytes(content)
    assert read_record(tmp_path) == {}


@pytest.mark.parametrize("place", ["../../elsewhere.log", "/etc/passwd", "optuna.log", "../sub/optuna.log"])
def test_a_trial_writes_to_no_file_but_its_study(place, tmp_path):
    pytest.importorskip("optuna")
    folder = tmp_path / "sweep" / "0"
    folder.mkdir(parents=True)
    (folder / "trial.json").write_text(json.dumps({"storage": place, "trial": 0, "pruner": "median"}))
    with pytest.raises(UserError, match="damaged"):
        trial_of(folder)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "trial.json"]


@pytest.mark.slow
def test_the_audit_is_skipped_in_a_line_where_there_is_no_network_and_fails_nothing(tmp_path):
    script = Path(__file__).parents[2] / ".ci" / "audit"
    if not script.exists():
        pytest.skip("not a checkout")
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run([script, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout == "pip-audit: skipped, since it can't be installed here\n"
