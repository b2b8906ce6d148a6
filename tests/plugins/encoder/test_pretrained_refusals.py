"""Weights that would do silent damage are refused in one line, whatever their files hold."""

import json
import pickle
from types import SimpleNamespace

import foreign
import pytest
import torch
from safetensors.torch import load_file, save_file

from dougong.errors import UserError
from dougong.export.hugging_face import export


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder that our own export wrote: Transformers is not needed for any of this."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "vocab.txt").write_text("\n".join(foreign.TOKENS), encoding="utf-8")
    size = [
        "encoder.layers=2",
        "embedding.dim=24",
        "embedding.max_length=16",
        f"tokenizer.vocab={folder / 'vocab.txt'}",
    ]
    ours, _ = foreign.encoder("encoder=bert_tiny", "tokenizer=wordpiece", *size)
    export(
        SimpleNamespace(task=SimpleNamespace(encoder=ours.float()), config={"task": {"name": "any"}}), folder / "out"
    )
    return folder / "out"


@pytest.fixture
def folder(original, tmp_path):
    """A copy to spoil."""
    for path in original.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def change(folder, work):
    tensors = load_file(folder / "model.safetensors")
    work(tensors)
    save_file(tensors, folder / "model.safetensors")


def refusal(folder, *words) -> str:
    with pytest.raises(UserError) as refused:
        foreign.encoder(f"encoder.pretrained={folder}", *words)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_we_exported_is_taken(folder):
    assert foreign.encoder(f"encoder.pretrained={folder}")[1][0].endswith(
        "39 tensors taken; none missing, none unexpected"
    )


QUERY = "encoder.layer.1.attention.self.query.weight"


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda tensors: tensors.pop(QUERY), f"does not fit this encoder: 1 missing ({QUERY})."),
        (
            lambda tensors: tensors.update({"encoder.layer.2.output.dense.bias": torch.zeros(24)}),
            "does not fit this encoder: 1 of no use (encoder.layer.2.output.dense.bias).",
        ),
        (
            lambda tensors: tensors.update({"embeddings.word_embeddings.weight": torch.zeros(6, 24)}),
            f"1 of another shape (embedding.token.weight (6, 24), here ({len(foreign.TOKENS)}, 24)).",
        ),
        (
            lambda tensors: tensors.update({"embeddings.LayerNorm.bias": torch.zeros(1)}),
            "1 of another shape (embedding.norm.bias (1,), here (24,)).",
        ),
        (
            lambda tensors: tensors.pop("pooler.dense.bias"),
            "has no pooler; say encoder.pooling=cls or encoder.pooling=mean.",
        ),
        (dict.clear, "has no pooler; say "),
    ],
)
def test_a_tensor_that_is_wrong_is_named_and_nothing_is_loaded(work, said, folder):
    change(folder, work)
    assert said in refusal(folder)


def test_a_pooler_that_is_not_asked_for_need_not_be_there(folder):
    change(folder, lambda tensors: [tensors.pop(f"pooler.dense.{part}") for part in ("weight", "bias")])
    _, lines = foreign.encoder(f"encoder.pretrained={folder}", "encoder.pooling=cls")
    assert "none missing" in " ".join(lines)


def test_rows_beyond_the_vocabulary_are_cut_and_it_is_said(folder):
    def longer(tensors):
        table = tensors["embeddings.word_embeddings.weight"]
        tensors["embeddings.word_embeddings.weight"] = torch.cat([table, table[:5]])

    change(folder, longer)
    lines = foreign.encoder(f"encoder.pretrained={folder}")[1]
    rows = len(foreign.TOKENS)
    assert lines[1] == f"1 cut: embedding.token.weight {rows + 5} -> {rows} rows"


def test_a_vocabulary_in_another_order_is_refused_though_its_size_fits(folder, tmp_path):
    vocabulary = tmp_path / "mine.txt"
    swapped = [*foreign.TOKENS[:5], foreign.TOKENS[6], foreign.TOKENS[5], *foreign.TOKENS[7:]]
    vocabulary.write_text("\n".join(swapped), encoding="utf-8")
    line = refusal(folder, "tokenizer=wordpiece", f"tokenizer.vocab={vocabulary}")
    assert line.startswith("tokenizer: 2 tokens have another number than in ")
    assert "(`甲`: 6 here, 5 there); leave tokenizer out" in line


def test_case_that_is_said_otherwise_than_in_the_file_is_refused(folder):
    assert refusal(folder, "tokenizer.lowercase=false").startswith("tokenizer.lowercase: is false here and true in ")


class Code:
    """What would run something when it is read."""

    def __reduce__(self):
        return print, ("this ran",)


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_file_that_could_run_code_is_refused_and_runs_none(form, folder, capsys):
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    if form == "torch":
        torch.save({"x": Code()}, path)
    else:
        path.write_bytes(pickle.dumps(Code()))
    line = refusal(folder)
    assert "pytorch_model.bin is refused, since it holds more than tensors and could run code." in line
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("bytes_left", [0, 5, 3000])
def test_a_file_that_is_cut_short_is_damaged(name, bytes_left, folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / name) if name.endswith("bin") else save_file(tensors, folder / name)
    (folder / name).write_bytes((folder / name).read_bytes()[:bytes_left])
    line = refusal(folder)
    assert f"{name} is damaged (" in line or f"{name} is refused" in line


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (
            {"weight_map": {"x": "../out/model.safetensors"}},
            "names ../out/model.safetensors, which is not a file beside it.",
        ),
        ({"weight_map": {"x": "piece.safetensors"}}, "names piece.safetensors, which is not there."),
        ({"weight_map": {"x": "whole.safetensors"}}, "names x, which no file has."),
        ({"weight_map": ["x"]}, "has no `weight_map` from tensors to files."),
        ({}, "has no `weight_map` from tensors to files."),
    ],
)
def test_an_index_of_pieces_that_is_wrong_is_refused(index, said, folder):
    (folder / "model.safetensors").rename(folder / "whole.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert said in refusal(folder)


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    assert refusal(folder).endswith("has neither model.safetensors nor pytorch_model.bin.")


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is not JSON ("), ("{}", "does not hold a tokenizer (")],
)
def test_a_tokenizer_file_that_is_none_is_refused(content, said, folder):
    (folder / "tokenizer.json").write_text(content)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("encoder.norm=pre", "encoder.norm=pre"),
        ("embedding.norm=false", "embedding.norm=false"),
        ("encoder.rotary=true", "encoder.rotary=true"),
        ("embedding.positions=none", "embedding.positions=none"),
        ("attention=local", "attention like LocalAttention, by which a token does not see every other"),
    ],
)
def test_an_encoder_that_transformers_has_not_is_not_exported(word, said):
    ours, _ = foreign.encoder("encoder=bert_tiny", "embedding.dim=24", word)
    with pytest.raises(UserError) as refused:
        ours.hugging_face()
    assert str(refused.value) == f"to=huggingface: BERT and ALBERT have no {said}."
