"""The second stage: each direction sees the other on what was written, and predicts what is true."""

import signal

import pytest
import torch
from pytorch_lightning import Callback
from runs import assert_same_training, resume, train

from dougong import register
from dougong.compose.compose import compose
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.data.records import SourceTarget
from dougong.errors import UserError
from dougong.training.assemble import Assembly
from dougong.training.prepare import make_task
from dougong_plugins.callback import pseudo_targets

STILL = ("embedding.dropout=0", "encoder.dropout=0", "decoder.dropout=0", "task.dropout=0")
SMALL = ("encoder.layers=1", "encoder.heads=2", "decoder.layers=1", "decoder.heads=2", "embedding.dim=16")
RUN = ("task=bidirectional_seq2seq", "task.max_length=8", *SMALL, "data.size=24", "data.valid_size=4")
STAGES = ("callback=pseudo_targets", "trainer.max_epochs=4", "test=false")


@pytest.fixture
def taught():
    """A task in training, without dropout, and a batch of two records."""
    words = ["task=bidirectional_seq2seq", "task.max_length=8", *SMALL, *STILL]
    assembly = Assembly(compose(words))
    tokenizer = assembly.make("tokenizer")
    tokenizer.fit(["甲乙丙丁戊", "庚辛壬癸"] * 2)
    torch.manual_seed(0)
    task = make_task(assembly, {}, tokenizer).double()
    torch.nn.init.normal_(task.words.compare.weight)
    records = [SourceTarget("甲", "乙丙丁"), SourceTarget("庚", "辛壬")]
    batch = BatchMaker(pack([task.encode(records)]), task.padding_values())[[1, 0]]
    return task, batch, [task.tokenizer.numbers([record.target])[0].tolist() for record in records]


def test_where_what_was_written_is_true_nothing_changes(taught):
    task, batch, truth = taught
    before = task(batch)
    task.pseudo = truth
    after = task(batch)
    longest = [int(row) for row in (batch["target"] != task.tokenizer.padding_id).all(1).nonzero()[:, 0]]
    for one, other in zip(before[1:], after[1:], strict=True):
        torch.testing.assert_close(one[longest], other[longest], rtol=0, atol=0)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_direction_sees_of_what_was_written_as_many_tokens_as_it_has_itself(taught, place):
    task, batch, truth = taught
    task.pseudo = truth
    before = task(batch)
    row = int((batch["index"] == 0).nonzero())
    task.pseudo = [list(tokens) for tokens in truth]
    task.pseudo[0][place] = task.tokenizer.numbers(["戊"])[0][0]
    after = task(batch)
    # Token `place` of three is read by the left as its step `place + 1`, by the right as its step `3 - place`.
    for name, first in (("left", 3 - place), ("right", place + 1)):
        same = (getattr(before, name)[row] == getattr(after, name)[row]).all(-1).tolist()
        assert same[:first] == [True] * first, name
        assert not any(same[first:4]), name
        other = 1 - row
        assert getattr(before, name)[other].equal(getattr(after, name)[other])


def test_in_evaluation_the_truth_is_seen(taught):
    task, batch, truth = taught
    task.eval()
    before = task(batch)
    task.pseudo = [row[::-1] for row in truth]
    assert all(one.equal(other) for one, other in zip(before[1:], task(batch)[1:], strict=True))


def test_the_training_sources_are_decoded_once_as_the_weights_of_the_first_stage_do(tmp_path, monkeypatch):
    seen = []

    def spy(pl_module, maker):
        found = written(pl_module, maker)
        seen.append((pl_module.trainer.current_epoch, len(maker.examples), found))
        return found

    written = pseudo_targets._written
    monkeypatch.setattr(pseudo_targets, "_written", spy)
    train(tmp_path, *RUN, *STAGES, "callback.pseudo_targets.start=0.5")
    ((epoch, count, found),) = seen
    assert (epoch, count, len(found)) == (2, 24, 24)
    assert any(found)
    assert all(len(row) <= 9 for row in found)


def test_a_run_that_was_stopped_in_the_second_stage_goes_on_with_what_was_written(tmp_path):
    @register("callback", "stop")
    class Stop(Callback):
        """Presses ctrl-C at the end of the third epoch, once."""

        pressed = False

        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.current_epoch == 2 and not Stop.pressed:
                Stop.pressed = True
                signal.raise_signal(signal.SIGINT)

    train(tmp_path / "whole", *RUN, *STAGES)
    halted = train(tmp_path / "halves", *RUN, *STAGES, "callback=[pseudo_targets,stop]")
    assert halted.status == "interrupted"
    resume(tmp_path / "halves")
    assert_same_training(tmp_path / "whole", tmp_path / "halves")


def test_other_tasks_are_refused(tmp_path):
    expected = "in one direction at most, which callback=pseudo_targets needs; choose task=bidirectional_seq2seq"
    with pytest.raises(UserError, match=expected):
        train(tmp_path, "callback=pseudo_targets", "data.size=24")
