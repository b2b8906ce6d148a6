"""Data that is kept in files, or streamed, trains as data in memory does, and is encoded no oftener than it has to."""

import gzip
import shutil

import pytest
from runs import PLUGINS, TINY, assert_same, checkpoint, resume, weights

import dougong
from dougong.data.encoding import RecordEncoder
from dougong.errors import UserError
from dougong.training import kept_data

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
UNKNOWN = "不\t7\n"


def lines(number):
    return "".join(f"第{place}本书真{'好坏'[place % 2]}{'啊' * (place % 9)}\t{place % 2}\n" for place in number)


@pytest.fixture
def folder(tmp_path):
    """Texts for training in three compressed files; one for validation has a label that training never saw."""
    folder = tmp_path / "data"
    folder.mkdir()
    for part in range(3):
        text = "text\tlabel\n" + lines(range(part * 20, part * 20 + 20))
        (folder / f"part-{part}.tsv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    (folder / "valid.tsv").write_text("text\tlabel\n" + UNKNOWN + lines(range(20)), encoding="utf-8")
    return folder


def train(folder, run, *more):
    """A run on these texts."""
    words = ["data=text_table", f"data.path={folder}", "data.train=part-*.tsv.gz", "data.test=null"]
    return dougong.train([*TINY[3:], *words, "data.on_bad_row=skip", *more], folder=run)


@pytest.fixture
def worked(monkeypatch):
    """How often tokenizers learnt, and records were encoded, in this process."""
    counts = {"learnt": 0, "encoded": 0}
    fit, encode = kept_data.fit_tokenizer, RecordEncoder._encode

    def counted_fit(*arguments):
        counts["learnt"] += 1
        return fit(*arguments)

    def counted_encode(self, records):
        counts["encoded"] += len(records)
        return encode(self, records)

    monkeypatch.setattr(kept_data, "fit_tokenizer", counted_fit)
    monkeypatch.setattr(RecordEncoder, "_encode", counted_encode)
    return counts


def test_examples_in_files_train_to_the_same_weights_and_metrics_as_those_in_memory(folder, tmp_path, capsys):
    expected = train(folder, tmp_path / "memory")
    assert "valid 20; 1 bad rows left out" in capsys.readouterr().out
    for name, more in {
        "files": ("loader.records_in_memory=10",),
        "processes": ("loader.records_in_memory=0", "loader.encode_processes=2", "loader.num_workers=1"),
    }.items():
        found = train(folder, tmp_path / name, *more)
        assert found.metrics == expected.metrics
        assert_same(weights(tmp_path / name), weights(tmp_path / "memory"))
        assert "valid 20; 1 bad rows left out" in capsys.readouterr().out
        assert list((tmp_path / name / "tokens").iterdir())
    assert not (tmp_path / "memory" / "tokens").exists()


CHANGES = {
    "nothing": ((), (0, 0)),
    "another model and optimizer": (("optimizer.lr=1e-2", "encoder.heads=1", "task.dropout=0", "seed=3"), (0, 0)),
    "other batches": (("loader.batch_size=5", "trainer.max_epochs=1", "loader.encode_processes=1"), (0, 0)),
    "another length": (("task.max_length=20",), (0, 81)),
    "another tokenizer": (("tokenizer.lowercase=false",), (1, 81)),
}


def test_what_is_kept_is_made_again_where_it_depends_on_a_change_and_only_there(folder, tmp_path, worked):
    def again(name, *more):
        worked.update(learnt=0, encoded=0)
        run = tmp_path / "runs" / name.replace(" ", "_")
        train(folder, run, f"loader.cache={tmp_path / 'cache'}", "trainer.max_updates=1", *more)
        return worked["learnt"], worked["encoded"]

    assert again("first") == (1, 81)
    for name, (more, expected) in CHANGES.items():
        assert again(name, *more) == expected, name
    moved = folder.with_name("moved")
    shutil.move(folder, moved)
    moved.rename(folder)
    (folder / "part-1.tsv.gz").touch()
    assert again("touched") == (0, 0)
    for facts in (tmp_path / "cache").glob("*/facts.json"):
        facts.write_text(facts.read_text()[:20])
    assert again("damaged") == (1, 0)
    (folder / "valid.tsv").write_text("text\tlabel\n" + lines(range(20)), encoding="utf-8")
    assert again("another file")[1] == 80


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_can_be_resumed_in_the_midst_of_an_epoch_to_the_same_weights(folder, tmp_path, workers, monkeypatch):
    more = ["loader.shuffle_buffer=16", "loader.records_in_memory=0", f"loader.num_workers={workers}"]
    more += [f"plugin_path=[{PLUGINS}]", "callback=crash", "trainer.save_every=3"]
    expected = train(folder, tmp_path / "whole", *more)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "raise:batch:11")
    with pytest.raises(ZeroDivisionError):
        train(folder, tmp_path / "cut", *more)
    assert checkpoint(tmp_path / "cut")["global_step"] == 9
    monkeypatch.delenv("DOUGONG_TEST_CRASH")
    assert resume(tmp_path / "cut").metrics == expected.metrics
    assert_same(weights(tmp_path / "cut"), weights(tmp_path / "whole"))


def test_what_a_stream_can_not_do_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match=r"^loader.shuffle_buffer: task=masked_lm shuffles tokens in a file"):
        dougong.train(["task=masked_lm", "data=toy", "loader.shuffle_buffer=5", "tracker=csv"], folder=tmp_path / "run")
