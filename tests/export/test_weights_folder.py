"""A model as a folder of safetensors, and words of the command that are wrong."""

import json

import pytest
from untrained import untrained

import dougong
from dougong.errors import UserError
from dougong.export.formats import export

TEXTS = ["这家店很好吃", "不好", ""]


@pytest.fixture
def folder(tmp_path):
    export(untrained("encoder.layers=2", "encoder.share_layers=true"), "safetensors", tmp_path / "out")
    return tmp_path / "out"


def test_a_folder_answers_as_the_model_did(folder):
    model = untrained("encoder.layers=2", "encoder.share_layers=true")
    assert list(dougong.load(folder).predict(TEXTS)) == list(model.predict(TEXTS))


def test_weights_that_are_shared_are_stored_once(folder):
    from safetensors.torch import load_file

    names = load_file(folder / "model.safetensors")
    assert any(name.startswith("encoder.layers.0.") for name in names)
    assert not any(name.startswith("encoder.layers.1.") for name in names)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("dougong.json", None, "dougong.json is missing"),
        ("model.safetensors", None, "model.safetensors is missing"),
        ("model.safetensors", b"\xff" * 100, "damaged"),
        ("dougong.json", b"[" * 100_000, "damaged"),
        ("dougong.json", b"\xff", "damaged"),
        ("dougong.json", b"[]", "not of this version of Dougong, or not complete"),
        ("tokenizer.json", b"{}", "can't be built into a model"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_in_a_line(folder, name, content, reason):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError) as refused:
        dougong.load(folder)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("shared", [3, {"a": "none"}, {"encoder.leave.weight": 3}])
def test_names_of_weights_that_are_not_there_are_refused(folder, shared):
    said = json.loads((folder / "dougong.json").read_text("utf-8"))
    (folder / "dougong.json").write_text(json.dumps({**said, "shared": shared}), "utf-8")
    with pytest.raises(UserError, match="names weights that are not there"):
        dougong.load(folder)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["to=onx"], "to: there is no format onx. Did you mean `onnx`?"),
        (["to=torch", "quantize=int8"], "quantize: goes with to=onnx, not with to=torch."),
        (["to=onnx", "quantize=int4"], "quantize: must be int8, got 'int4'."),
        (["to=onnx", "output=full"], "output: full is there already; name a folder that is new or empty."),
        (["to=onnx", "quantise=int8"], "quantise: there is no such setting. Did you mean `quantize`?"),
    ],
)
def test_wrong_words_are_refused_before_torch_is_imported(without_torch, words, line):
    (without_torch.folder / "full").mkdir()
    (without_torch.folder / "full" / "file").write_text("")
    (without_torch.folder / "a.ckpt").write_text("")
    output = [] if any(word.startswith("output=") for word in words) else ["output=out"]
    assert without_torch("export", "checkpoint=a.ckpt", *words, *output).refused().startswith(line)
