"""Updates of low rank: frozen weights, the published formula, and a merged network that gives the same."""

import pytest
import torch

import dougong
from dougong.checkpoint import file
from dougong.contracts.embedding import Inputs
from dougong.errors import UserError
from dougong.export.formats import export
from dougong_plugins.tokenizer.character import CharacterTokenizer

pytest.importorskip("peft")

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
ENCODERS = {
    "transformer": ("transformer", {"layers": 2}),
    "dgcnn": ("dgcnn", {"dilations": (1, 2)}),
    "lstm": ("recurrent", {"layers": 2}),
    "gru": ("recurrent", {"cell": "gru", "bidirectional": False}),
    "bert": ("huggingface", {"config": {"model_type": "bert", **SMALL}}),
    "albert": ("huggingface", {"config": {"model_type": "albert", **SMALL, "embedding_size": 8}}),
    "gpt2": ("huggingface", {"config": {"model_type": "gpt2", "n_embd": 16, "n_layer": 2, "n_head": 2}}),
}


class Task(torch.nn.Module):
    """As much of a task as matters here."""

    def __init__(self, name):
        super().__init__()
        torch.manual_seed(0)
        kind, settings = ENCODERS[name]
        tokenizer = CharacterTokenizer(min_count=1)
        tokenizer.fit(["甲乙丙丁"])
        parts = {"tokenizer": tokenizer}
        if kind != "huggingface":
            parts = {"embedding": dougong.create("embedding", "token", tokenizer=tokenizer, dim=16)}
        if kind in ("transformer", "huggingface"):
            parts["attention"] = lambda layer: dougong.create("attention", "full")
        self.encoder = dougong.create("encoder", kind, **parts, **settings).double().eval()


INPUTS = Inputs(
    torch.tensor([[5, 6, 7, 8, 0], [6, 5, 8, 7, 6]]), torch.tensor([[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]).bool()
)


def states(task):
    found = task.encoder(INPUTS)
    return torch.cat([found[~INPUTS.padding_mask], task.encoder.pool(found, INPUTS.padding_mask)])


def adapted(task, **settings):
    """With updates that are not zero."""
    callback = dougong.create("callback", "lora", **settings)
    (line,) = callback.adapt(task)
    for name, parameter in task.encoder.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return callback, line


@pytest.mark.parametrize("name", list(ENCODERS))
def test_the_merged_network_is_the_plain_one_and_gives_the_same(name):
    task = Task(name)
    names, before = set(task.encoder.state_dict()), states(task)
    callback, line = adapted(task, rank=2)
    trained = {item: value for item, value in task.encoder.named_parameters() if value.requires_grad}
    assert all(".lora_" in item for item in trained)
    assert f" {sum(value.numel() for value in trained.values()):,} of " in line
    found = states(task)
    assert (found - before).abs().max() > 1e-3
    (found**2).sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in trained.values())
    assert all(value.grad is None for item, value in task.encoder.named_parameters() if item not in trained)
    callback.merge(task)
    assert set(task.encoder.state_dict()) == names
    assert (states(task) - found).abs().max() < 1e-6
    task.encoder.float()(INPUTS)  # recurrent layers have forgotten the lists that they were given


@pytest.mark.parametrize("name", list(ENCODERS))
def test_a_new_update_is_zero(name):
    task = Task(name)
    before = states(task)
    dougong.create("callback", "lora").adapt(task)
    assert (states(task) - before).abs().max() < 1e-12


def test_an_update_is_the_published_one():
    task = Task("transformer")
    adapted(task, rank=4, alpha=6.0, targets=("layers.0.project_in",))
    layer = task.encoder.layers[0].project_in
    low, high = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    inputs = torch.randn(3, 16, dtype=torch.float64)
    base = layer.base_layer
    expected = inputs @ (base.weight + high @ low * 6 / 4).T + base.bias
    torch.testing.assert_close(layer(inputs), expected, rtol=1e-12, atol=1e-12)


def test_a_layer_that_stands_in_two_places_has_one_update():
    task = Task("transformer")
    task.encoder.layers[1].feedforward = task.encoder.layers[0].feedforward
    task.encoder.layers[1].project_in = task.encoder.layers[0].project_in
    callback, line = adapted(task, rank=2)
    assert " on 5 matrices" in line
    first, second = task.encoder.layers
    assert first.project_in is second.project_in
    assert hasattr(second.project_in, "lora_A")
    found = states(task)
    callback.merge(task)
    assert first.project_in is second.project_in
    assert (states(task) - found).abs().max() < 1e-6


def test_targets_are_chosen_by_pattern_and_a_wrong_one_is_told():
    task = Task("bert")
    _, line = adapted(task, rank=2, targets=("query", "layer.1.*.value"))
    assert " on 3 matrices" in line
    with pytest.raises(UserError, match=r"callback\.lora\.targets: qeury matches no matrix .* Did you mean `query`\?"):
        dougong.create("callback", "lora", targets=("qeury",)).adapt(Task("bert"))
    with pytest.raises(UserError, match=r"callback\.lora\.dropout: must be 0 for layers\.0\.weight_ih_l0"):
        dougong.create("callback", "lora", dropout=0.1).adapt(Task("lstm"))


WORDS = ["callback=[lora,ema]", "callback.lora.rank=2", "encoder.layers=1", "embedding.dim=16", "data.size=60"]
WORDS += ["trainer.max_epochs=2", "trainer.progress=none", "trainer=cpu", "tracker=csv", "trainer.precision=32"]


def test_a_run_trains_the_updates_and_the_head_alone_and_predicts_merged(tmp_path, capsys):
    result = dougong.train(WORDS, tmp_path / "run")
    assert "updates of rank 2 on 4 matrices: " in capsys.readouterr().out
    content = file.load(result.checkpoint)["state_dict"]
    assert any("lora_A" in name for name in content)
    model = dougong.load(result.checkpoint)
    assert not any("lora" in name for name, _ in model.task.named_parameters())
    assert export(model, "dougong", tmp_path / "merged")[0].endswith("; lora added to the weights")
    merged = tmp_path / "merged" / "best.ckpt"
    assert not any("lora" in name for name in file.load(merged)["state_dict"])
    texts = ["今天的天气很好", "价格太高"]
    assert list(dougong.load(merged).predict(texts)) == list(model.predict(texts))
    words = [*WORDS[2:], "callback=[]", "trainer.max_updates=1"]
    with pytest.raises(UserError, match=r"best\.ckpt: holds updates .* to=dougong output=DIR$"):
        dougong.train([*words, f"encoder.pretrained={result.checkpoint}"], tmp_path / "plain")
    assert dougong.train([*words, f"encoder.pretrained={merged}"], tmp_path / "next").status == "finished"


def test_without_peft_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(UserError, match=r'callback=lora needs peft: pip install "dougong\[huggingface\]"'):
        dougong.create("callback", "lora").adapt(Task("transformer"))
