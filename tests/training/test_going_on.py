"""Which run is gone on with, what may be changed about it, and what becomes of data that has changed since."""

import os
import shutil
from pathlib import Path

import pytest
from faults import exit_code_of_fork
from runs import PLUGINS, TINY, assert_same_training, checkpoint, measurements

import dougong
from dougong.errors import UserError
from dougong.training.run import read_record

MODEL = [word for word in TINY if not word.startswith("data.")]
CRASHING = [f"plugin_path=[{PLUGINS}]", "callback=crash", "trainer.save_every=2"]
ROWS = [
    ("好" * (number % 7 + 1) + "吃", "good") if number % 2 else ("慢" * (number % 5 + 1), "bad") for number in range(40)
]


@pytest.fixture(autouse=True)
def no_crash(monkeypatch) -> None:
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")


def stopped(folder: Path | None, *words: str, at: str = "batch:5") -> None:
    """A run that crashes after its save at update 4."""
    os.environ["DOUGONG_TEST_CRASH"] = f"raise:{at}"
    with pytest.raises(ZeroDivisionError):
        dougong.train([*CRASHING, *words], folder)
    os.environ["DOUGONG_TEST_CRASH"] = ""


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder of data."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, rows in (("train", ROWS), ("valid", ROWS[:9]), ("test", ROWS[9:15])):
        lines = "".join(f"{text}\t{label}\n" for text, label in rows)
        (folder / f"{name}.tsv").write_text(f"text\tlabel\n{lines}", encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path, data) -> Path:
    """A run that was stopped."""
    stopped(tmp_path / "run", *MODEL, "data=text_table", f"data.path={data}")
    return tmp_path / "run"


CHANGES = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "changed in the middle of a row": lambda path: os.truncate(path, path.stat().st_size - 9),
    "replaced by one of the same size": lambda path: path.write_bytes(path.read_bytes().replace(b"good", b"evil")),
    "longer": lambda path: path.write_bytes(path.read_bytes() + "再来\tgood\n".encode()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_data_is_refused_in_one_line_that_names_the_file(data, run, change):
    CHANGES[change](data / "train.tsv")
    with pytest.raises(UserError) as caught:
        dougong.train([f"resume={run}"])
    assert str(caught.value) == (
        "data: train.tsv has changed since the run began; a resumed run would not be the one that it was. Put back "
        "what was there, or go on all the same with on_changed_data=accept behind resume=..."
    )


def test_data_that_is_gone_is_refused(data, run):
    (data / "train.tsv").unlink()
    with pytest.raises(UserError, match=r"^data: train\.tsv is gone since the run began; "):
        dougong.train([f"resume={run}"])


def test_data_that_is_put_back_is_taken_whatever_its_time(data, run):
    text = (data / "train.tsv").read_bytes()
    (data / "train.tsv").unlink()
    (data / "train.tsv").write_bytes(text)
    assert dougong.train([f"resume={run}"]).status == "finished"


@pytest.mark.parametrize("rows", [10, 25, 90])
def test_data_is_taken_where_the_user_says_so(data, run, rows):
    lines = "".join(f"{text}\t{label}\n" for text, label in (ROWS * 3)[:rows])
    (data / "train.tsv").write_text(f"text\tlabel\n{lines}", encoding="utf-8")
    result = dougong.train([f"resume={run}", "on_changed_data=accept"])
    assert result.status == "finished"
    measured = [(update, metric) for update, metric, _ in measurements(run)]
    assert len(measured) == len(set(measured))
    assert dougong.train([f"resume={run}"]).status == "finished", "what was accepted is what the run has now"


@pytest.fixture
def here(tmp_path, monkeypatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def auto(*words: str, folder: Path | None = None):
    return dougong.train([*TINY, *CRASHING, *words, "resume=auto"], folder)


def stop(*words: str) -> Path:
    before = set(Path("outputs").glob("*/*"))
    stopped(None, *TINY, *words)
    (folder,) = set(Path("outputs").glob("*/*")) - before
    return folder


@pytest.mark.usefixtures("here")
def test_auto_goes_on_with_the_newest_of_this_configuration_that_is_not_finished(tmp_path):
    older, newest = stop(), stop()
    other = stop("optimizer.lr=1e-4")
    result = auto()
    assert result.folder.samefile(newest)
    dougong.train([*TINY, *CRASHING], tmp_path / "whole")
    assert_same_training(tmp_path / "whole", newest)
    assert auto("optimizer.lr=1e-4").folder.samefile(other)
    assert auto().folder.samefile(older)
    begun = auto()
    assert begun.folder not in (older, newest, other)
    assert measurements(begun.folder) == measurements(newest)


@pytest.mark.usefixtures("here")
def test_auto_begins_anew_where_there_is_none_or_none_has_saved():
    first = auto("trainer.max_updates=2")
    assert first.status == "finished"
    unsaved = Path("outputs/2000-01-01/00-00-00")
    unsaved.mkdir(parents=True)
    shutil.copy(first.folder / "config.yaml", unsaved)
    assert auto("trainer.max_updates=2").folder not in (first.folder, unsaved)


@pytest.mark.usefixtures("here")
def test_auto_leaves_a_run_alone_that_is_still_being_trained(monkeypatch):
    from dougong.training import resume as going_on

    folder = stop()
    config = dougong.training.run.load_config(folder)
    with dougong.training.hold.hold(folder):
        found = []

        def look() -> None:
            found.append(going_on.unfinished(config, "${run_folder:outputs}"))
            assert found == [None]

        assert exit_code_of_fork(look) == 0
    assert going_on.unfinished(config, "${run_folder:outputs}") == folder


@pytest.mark.usefixtures("here")
def test_auto_looks_into_the_folder_that_is_named(tmp_path):
    stopped(tmp_path / "mine", *TINY)
    assert auto(folder=tmp_path / "mine").folder == tmp_path / "mine"
    assert read_record(tmp_path / "mine")["status"] == "finished"


def test_what_changes_nothing_of_the_result_may_be_said_beside_resume(tmp_path):
    dougong.train([*TINY, *CRASHING], tmp_path / "whole")
    stopped(tmp_path / "run", *TINY)
    changes = ["trainer.keep_last=3", "trainer.save_every=1", "trainer.progress=lines", "test=false"]
    result = dougong.train([f"resume={tmp_path}/run", *changes])
    assert "test/accuracy" not in result.metrics
    assert [checkpoint(tmp_path / "run", name)["global_step"] for name in ("last", "last-3")] == [16, 14]
    assert_same_training(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("optimizer.lr=1", r"keeps its own configuration; leave out optimizer\.lr=1\. What may be given: "),
        ("loader.num_worker=0", r"leave out loader\.num_worker=0\. Did you mean `loader\.num_workers`\?"),
        ("trainer.keep_last=0", r"^trainer\.keep_last: must be >= 1, got 0"),
        ("on_changed_data=yes", r"^on_changed_data: must be one of"),
    ],
)
def test_what_would_change_it_may_not(tmp_path, word, message):
    stopped(tmp_path / "run", *TINY, at="batch:3")
    with pytest.raises(UserError, match=message):
        dougong.train([f"resume={tmp_path}/run", word])
