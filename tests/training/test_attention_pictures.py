"""What attention looks at is drawn as it was computed."""

import pytest
import torch
from runs import train
from torch import nn

from dougong.contracts.attention import Attention
from dougong.training.attention_pictures import AttentionWatch, weights
from dougong_plugins.attention.full import FullAttention
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.tracker.csv import CsvTracker


class Tokenizer:
    padding_id = 0

    class core:  # noqa: N801
        @staticmethod
        def id_to_token(number):
            return f"t{number}"


class Model(nn.Module):
    """Two layers, of which the second is causal."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.encoder = type("Encoder", (), {"tokenizer": Tokenizer})

    def forward(self, batch):
        query = torch.randn(2, 3, 6, 4, generator=torch.Generator().manual_seed(0))
        for number, part in enumerate(self.parts):
            part(query, query.flip(-1), query, key_padding_mask=batch["padding_mask"], causal=number == 1)


@pytest.fixture
def batch():
    tokens = torch.tensor([[3, 4, 5, 6, 0, 0], [7, 8, 9, 3, 4, 5]])
    return {"tokens": tokens, "padding_mask": tokens == 0}


def drawn(model, batch):
    watch = AttentionWatch(model)
    with watch.watching(batch):
        model(batch)
    return watch.drawings()


def test_each_row_is_what_a_query_sees_and_padding_is_left_out(batch):
    found = drawn(Model(FullAttention(), FullAttention()), batch)
    assert list(found) == ["attention/layer_1", "attention/layer_2"]
    layer = found["attention/layer_1"]
    assert layer.rows == layer.columns == ["t3", "t4", "t5", "t6"]
    assert list(layer.panels) == ["head 1", "head 2", "head 3"]
    assert all(panel.sum(-1) == pytest.approx(1) for panel in layer.panels.values())
    causal = found["attention/layer_2"].panels["head 1"]
    assert (causal.T[(torch.ones(4, 4).tril(-1) == 1).numpy()] == 0).all()


def test_a_local_pattern_is_zero_beyond_its_window(batch):
    (layer,) = drawn(Model(LocalAttention(window=1)), batch).values()
    for panel in layer.panels.values():
        assert panel[0, 2] == panel[0, 3] == panel[3, 0] == 0
        assert panel[1, 0] > 0


def test_the_weights_give_what_the_attention_gives():
    query, key, value = torch.randn(3, 1, 2, 8, 4)
    expected = FullAttention()(query, key, value)
    assert torch.allclose(
        weights(query[0], key[0], torch.ones(8, 8, dtype=torch.bool)) @ value[0], expected[0], atol=1e-6
    )


def test_what_equals_no_masked_softmax_is_not_drawn_and_nothing_is_left_in_the_model(batch):
    class Other(Attention):
        def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
            return value

    model = Model(Other(), FullAttention())
    assert list(drawn(model, batch)) == ["attention/layer_2"]
    assert not any(part._forward_pre_hooks for part in model.parts)


def test_pictures_are_made_for_trackers_that_show_them_alone(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(CsvTracker, "draw", lambda self, name, drawing, update: shown.append((name, update)))
    train(tmp_path / "one", "trainer.max_epochs=1")
    assert not [name for name, _ in shown if "attention" in name]
    monkeypatch.setattr(CsvTracker, "shows_pictures", True)
    monkeypatch.setattr("dougong.training.tracking.can_draw", lambda: True)
    train(tmp_path / "two", "trainer.max_epochs=1")
    assert [item for item in shown if "attention" in item[0]] == [
        ("valid/attention/layer_1", 8),
        ("test/attention/layer_1", 8),
    ]
