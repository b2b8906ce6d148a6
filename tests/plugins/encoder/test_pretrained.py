"""An encoder with the weights of a model of Transformers computes what that model computes."""

from types import SimpleNamespace

import foreign
import pytest
import torch

pytest.importorskip("transformers")


def assert_same(ours, theirs):
    """Every layer's states of what is no padding, and the pooled vector."""
    given = foreign.inputs()
    real = ~given.padding_mask
    states, last, pooled = foreign.layers_of(ours, given)
    expected_states, expected_last, expected_pooled = foreign.layers_of_theirs(theirs, given)
    assert len(states) == len(expected_states) == foreign.SIZES["num_hidden_layers"]
    for one, other in zip([*states, last], [*expected_states, expected_last], strict=True):
        torch.testing.assert_close(one[real], other[real], rtol=0, atol=1e-9)
    torch.testing.assert_close(pooled, expected_pooled, rtol=0, atol=1e-9)


@pytest.mark.parametrize("form", ["safetensors", "sharded", "bin"])
@pytest.mark.parametrize("family", ["bert", "albert"])
def test_every_layer_equals_that_of_transformers_with_padding_and_segments(family, form, tmp_path):
    theirs = foreign.model(family, head=form != "safetensors")
    ours, lines = foreign.encoder(f"encoder.pretrained={foreign.save(theirs, tmp_path, form)}")
    assert_same(ours, theirs)
    assert "none missing, none unexpected" in lines[0]
    if form != "safetensors":
        assert "of the pretraining's own heads: " in lines[1]
        assert ("cls." if family == "bert" else "sop_classifier.") in lines[1]


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_the_activation_is_that_of_the_configuration(activation, tmp_path):
    theirs = foreign.model("bert", hidden_act=activation)
    assert_same(foreign.encoder(f"encoder.pretrained={foreign.save(theirs, tmp_path)}")[0], theirs)


def test_names_of_long_ago_and_buffers_are_known(tmp_path):
    theirs = foreign.model("bert", head=True)
    foreign.save(theirs, tmp_path, "bin")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in theirs.state_dict().items()
    }
    torch.save(old | {"bert.embeddings.position_ids": torch.arange(16)[None]}, tmp_path / "pytorch_model.bin")
    assert_same(foreign.encoder(f"encoder.pretrained={tmp_path}")[0], theirs)


def test_shared_layers_have_one_set_of_weights_and_unshared_ones_a_copy_each(tmp_path):
    theirs = foreign.model("albert")
    foreign.save(theirs, tmp_path)
    shared, _ = foreign.encoder(f"encoder.pretrained={tmp_path}")
    apart, lines = foreign.encoder(f"encoder.pretrained={tmp_path}", "encoder.share_layers=false")
    assert lines[-1] == "each of the 3 layers begins as a copy of the one that was shared"
    assert_same(apart, theirs)
    one_layer = sum(parameter.numel() for parameter in apart.layers[0].parameters())
    sizes = [sum(parameter.numel() for parameter in made.parameters()) for made in (shared, apart)]
    assert sizes[1] - sizes[0] == 2 * one_layer
    with torch.no_grad():
        apart.layers[1].project_out.weight.add_(1)
    assert torch.equal(apart.layers[2].project_out.weight, shared.layers[2].project_out.weight)


def test_positions_beyond_the_learned_are_composed_of_two(tmp_path):
    theirs = foreign.model("bert")
    foreign.save(theirs, tmp_path)
    words = ["embedding.positions=hierarchical", "embedding.max_length=256"]
    ours, _ = foreign.encoder(f"encoder.pretrained={tmp_path}", *words)
    assert ours.max_length == 256
    assert_same(ours, theirs)  # the first are what they were
    learned = ours.embedding.position.weight
    base = (learned - 0.4 * learned[:1]) / 0.6
    numbers = torch.arange(256)
    placed = ours.embedding._placed(foreign.inputs()._replace(positions=numbers), ours.embedding.position)
    torch.testing.assert_close(placed, 0.4 * base[numbers // 16] + 0.6 * base[numbers % 16], rtol=1e-10, atol=1e-10)
    assert len({tuple(row.tolist()) for row in placed}) == 256


def test_fewer_positions_are_the_first_ones_and_it_is_said(tmp_path):
    theirs = foreign.model("bert")
    ours, lines = foreign.encoder(f"encoder.pretrained={foreign.save(theirs, tmp_path)}", "embedding.max_length=12")
    assert_same(ours, theirs)
    assert lines[1] == "1 cut: embedding.position.weight 16 -> 12 rows"


SHAPES = {
    "bert": ["encoder=bert_tiny", "embedding.dim=24"],
    "albert": ["encoder=albert_tiny", "encoder.dim=24", "embedding.dim=10"],
    "albert with a group a layer": ["encoder=albert_tiny", "encoder.dim=24", "encoder.share_layers=false"],
    "one layer as wide as its embedding": ["encoder=bert_tiny", "embedding.dim=24", "encoder.share_layers=true"],
    "no pooler, one segment": ["encoder=bert_tiny", "embedding.dim=24", "encoder.pooling=cls", "embedding.segments=1"],
    "composed positions": [
        *("encoder=bert_tiny", "embedding.dim=24", "embedding.positions=hierarchical"),
        *("embedding.learned_positions=5", "embedding.max_length=25"),
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_exported_is_read_by_transformers_and_computes_the_same(shape, tmp_path):
    import transformers

    from dougong.export.hugging_face import export

    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(foreign.TOKENS), encoding="utf-8")
    size = ["encoder.layers=2", "encoder.heads=2", "encoder.feedforward_dim=40", "tokenizer=wordpiece"]
    ours, _ = foreign.encoder(*size, f"tokenizer.vocab={vocabulary}", *SHAPES[shape])
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    task = SimpleNamespace(encoder=ours)
    remarks = export(SimpleNamespace(task=task, config={"task": {"name": "masked_lm"}}), tmp_path / "out")
    theirs, account = transformers.AutoModel.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not account["unexpected_keys"]
    if ours.pooler is None:
        assert remarks[1].startswith("it has no pooler")
        assert account["missing_keys"] == {"pooler.dense.weight", "pooler.dense.bias"}
    else:
        assert not account["missing_keys"]
    given = foreign.inputs()
    if shape.endswith("one segment"):
        given = given._replace(segments=None)
    states, _, pooled = foreign.layers_of(ours, given)
    expected, _, expected_pooled = foreign.layers_of_theirs(theirs.eval(), given)
    real = ~given.padding_mask
    for one, other in zip(states, expected, strict=True):
        torch.testing.assert_close(one[real], other[real], rtol=0, atol=1e-9)
    if ours.pooler is not None:
        torch.testing.assert_close(pooled, expected_pooled, rtol=0, atol=1e-9)
    texts = ["甲乙 UNDER 未知", "[MASK]子丑"]
    numbers = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")(texts)["input_ids"]
    assert numbers == [encoding.ids for encoding in ours.tokenizer.encode(texts)]
    again, _ = foreign.encoder(f"encoder.pretrained={tmp_path / 'out'}", f"encoder.pooling={ours.pooling}")
    found = (foreign.layers_of(made, given)[1][real] for made in (again, ours))
    torch.testing.assert_close(*found, rtol=0, atol=1e-4)  # which reads into single precision first
