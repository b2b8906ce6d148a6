"""From one training to the next: the encoder of a checkpoint, by its weights, its settings and its tokenizer."""

import pytest
import torch
from runs import checkpoint, train, weights

import dougong
from dougong.command_line.main import main
from dougong.errors import UserError

ONE = ["trainer.max_updates=2", "test=false", "trainer.decay=all"]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run whose encoder others begin with."""
    folder = tmp_path_factory.mktemp("first")
    words = [
        "encoder=albert_tiny",
        "encoder.layers=3",
        "encoder.dim=24",
        "embedding.max_length=50",
        "tokenizer=wordpiece",
    ]
    train(folder, *words, "tokenizer.vocab_size=300", "embedding.dim=16", *ONE)
    return folder


def begun(folder, *words):
    """A run that moves nothing: its weights are those that it began with."""
    sizes = ("data.size=60", "data.valid_size=20", "data.test_size=20", "loader.batch_size=8", "task.max_length=40")
    quiet = ("trainer=cpu", "trainer.precision=32", "trainer.progress=none", "tracker=[]", "trainer.max_updates=1")
    return dougong.train([*sizes, *quiet, "optimizer.lr=1e-30", "test=false", *words], folder=folder)


def encoder_of(folder):
    return {name: item for name, item in weights(folder).items() if name.startswith("task.encoder.")}


def test_a_run_begins_with_the_encoder_of_another_and_nothing_else_of_it(first, tmp_path, capsys):
    begun(tmp_path / "second", f"encoder.pretrained={first}", "seed=5")
    theirs, ours = encoder_of(first), encoder_of(tmp_path / "second")
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    heads = [weights(folder)["task.classify.weight"] for folder in (first, tmp_path / "second")]
    assert not torch.equal(*heads)
    said = checkpoint(tmp_path / "second")["dougong"]
    assert said["tokenizer"] == checkpoint(first)["dougong"]["tokenizer"]
    assert (said["config"]["encoder"]["dim"], said["config"]["embedding"]["max_length"]) == (24, 50)
    out = capsys.readouterr().out
    assert f"pretrained {first}: " in out
    assert " tensors taken; none missing, none unexpected\n" in out


def test_what_was_shared_may_go_on_apart_but_not_the_other_way(first, tmp_path, capsys):
    words = ["encoder.share_layers=false", "encoder.pooling=mean"]
    assert torch.equal(*(encoder_of(first)[f"task.encoder.layers.{layer}.project_out.weight"] for layer in (0, 2)))
    begun(tmp_path / "apart", f"encoder.pretrained={first / 'checkpoints' / 'last.ckpt'}", *words)
    assert "each of the 3 layers begins as a copy of the one that was shared\n" in capsys.readouterr().out
    apart, theirs = encoder_of(tmp_path / "apart"), encoder_of(first)
    assert all(torch.equal(apart[name], theirs[name]) for name in apart)
    assert set(theirs) - set(apart) == {"task.encoder.pooler.weight", "task.encoder.pooler.bias"}
    with pytest.raises(UserError, match=r"encoder\.share_layers: is true here and false in .*\.ckpt"):
        begun(
            tmp_path / "x",
            f"encoder.pretrained={tmp_path / 'apart' / 'checkpoints'}/last.ckpt",
            "encoder.share_layers=true",
        )


def test_positions_of_ours_go_further_too(first, tmp_path):
    words = ["embedding.positions=hierarchical", "embedding.max_length=200", "task.max_length=100"]
    begun(tmp_path / "long", f"encoder.pretrained={first}", *words)
    assert encoder_of(tmp_path / "long")["task.encoder.embedding.position.weight"].shape == (50, 16)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["encoder.layers=9"], "encoder.layers: is 9 here and 3 in "),
        (["embedding.dim=32"], "embedding.dim: is 32 here and 16 in "),
        (["tokenizer=character"], "tokenizer: "),
        (["encoder=dgcnn"], "encoder.pretrained: there is no such setting."),
        (["embedding.max_length=51"], "embedding.positions=hierarchical goes beyond."),
    ],
)
def test_a_contradiction_to_a_checkpoint_is_refused(words, said, first, tmp_path):
    with pytest.raises(UserError) as refused:
        begun(tmp_path / "x", f"encoder.pretrained={first}", *words)
    assert said in str(refused.value)


def test_the_model_needs_what_it_began_with_no_more(first, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in sorted(first.rglob("*")):
        if path.is_file():
            (moved / path.name).write_bytes(path.read_bytes())
    result = begun(tmp_path / "second", f"encoder.pretrained={moved}")
    for path in moved.iterdir():
        path.unlink()
    model = dougong.load(result.checkpoint)
    assert next(model.predict(["好"]))["label"]
    assert dougong.train([f"resume={tmp_path / 'second'}"]).status == "finished"


def test_a_tokenizer_is_taken_from_a_checkpoint_alone(first, tmp_path):
    words = ["encoder.layers=1", "embedding.dim=16", "tokenizer=wordpiece", f"tokenizer.pretrained={first}"]
    begun(tmp_path / "other", *words)
    states = [checkpoint(folder)["dougong"]["tokenizer"] for folder in (first, tmp_path / "other")]
    assert states[0] == states[1]
    with pytest.raises(UserError, match=r"tokenizer\.pretrained: .* does not exist\."):
        begun(tmp_path / "x", f"tokenizer.pretrained={tmp_path / 'nowhere'}")


def test_the_command_exports_what_a_training_can_begin_with(first, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["export", f"checkpoint={first / 'checkpoints' / 'last.ckpt'}", "to=huggingface", f"output={out}"]
    capsys.readouterr()
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("AlbertModel with ")
    assert lines[-1] == f"written to {out}"
    begun(tmp_path / "second", f"encoder.pretrained={out}")
    theirs, ours = encoder_of(first), encoder_of(tmp_path / "second")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert main(words) == 2
    assert capsys.readouterr().err == f"output: {out} is there already; name a folder that is new or empty.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["to=huggingface", "output=x"], "checkpoint: has to be given. usage: dougong export "),
        (["checkpoint=FILE", "output=x"], "to: has to be given. "),
        (["checkpoint=FILE", "to=huggingface"], "output: has to be given. "),
        (
            ["checkpoint=FILE", "to=huggingfase", "output=x"],
            "to: there is no format huggingfase. Did you mean ",
        ),
    ],
)
def test_export_says_what_it_lacks(words, said, first, capsys):
    given = [word.replace("FILE", str(first / "checkpoints" / "last.ckpt")) for word in words]
    capsys.readouterr()
    assert main(["export", *given]) == 2
    assert capsys.readouterr().err.startswith(said)
