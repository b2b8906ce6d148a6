"""Which backend is used, that it is said once, and what is refused."""

import inspect
import logging
from typing import Any

import pytest
import torch
from attention_reference import EACH, projected

from dougong.contracts.attention import Attention
from dougong.registry.decorator import registered
from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.full import FullAttention
from dougong_plugins.attention.kernels import choice
from dougong_plugins.attention.kernels.flash import FlashTile, flash_works
from dougong_plugins.attention.kernels.pattern import Pattern
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def chosen(attention: Any, length: int, device: torch.device = CPU, **settings: Any) -> str:
    return attention.rule.choose(device, length, **{"causal": False, "padded": False, "dropout": 0.0, **settings})


def test_short_sequences_are_dense_and_long_ones_blocked() -> None:
    for attention in (LocalAttention(), AtrousAttention(), SparseAttention()):
        backends = [chosen(attention, length) for length in range(1, 4096)]
        assert backends == sorted(backends, reverse=True)  # "dense" first, then "blocked"
        assert {backends[0], backends[-1]} == {"dense", "blocked"}


def test_no_mask_of_more_than_a_few_million_numbers_is_ever_chosen() -> None:
    for attention in (LocalAttention(5000), AtrousAttention(2), SparseAttention(2)):
        assert chosen(attention, 4096) == "blocked"


def test_full_attention_is_dense_unless_it_needs_a_mask_of_its_own_for_each_item() -> None:
    assert chosen(FullAttention(), 4096, causal=True) == "dense"
    assert chosen(FullAttention(), 4096, padded=True) == "dense"
    assert chosen(FullAttention(), 4096, causal=True, padded=True) == "blocked"
    assert chosen(FullAttention(), 4096, causal=True, padded=True, dropout=0.1) == "dense"


def test_a_gpu_uses_flex_attention_where_it_can_leave_blocks_out() -> None:
    assert chosen(LocalAttention(), 8192, CUDA) == "flex"
    assert chosen(LocalAttention(), 8192, CUDA, dropout=0.1) == "blocked"
    assert chosen(LocalAttention(), 256, CUDA) == "dense"
    assert chosen(AtrousAttention(), 8192, CUDA) == "blocked"
    assert chosen(SparseAttention(), 8192, CUDA) == "blocked"
    assert chosen(FullAttention(), 8192, CUDA) == "dense"


def test_the_choice_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    choice._announce.cache_clear()
    attention = LocalAttention(5)
    with caplog.at_level(logging.INFO, logger=choice.logger.name):
        for _ in range(3):
            attention(*projected((1, 1, 400, 4), 0)[:3])
    assert [record.getMessage() for record in caplog.records] == ["LocalAttention uses the blocked backend on cpu"]


def test_a_named_backend_is_used_at_every_length(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    monkeypatch.setattr(
        "dougong_plugins.attention.kernels.module.announce", lambda _, backend, __: used.append(backend)
    )
    for backend in ("blocked", "dense"):
        for length in (3, 900):
            LocalAttention(5, backend=backend)(*projected((1, 1, length, 4), 0)[:3])
    assert used == ["blocked", "blocked", "dense", "dense"]


@pytest.mark.parametrize("name", ["local", "atrous", "sparse"])
def test_patterns_refuse_another_sequence_with_the_reason(name: str) -> None:
    query, key, value, _ = projected((1, 1, 20, 4), 0)
    assert "cross" not in EACH[name]().supports
    with pytest.raises(ValueError, match=r"20 queries and 9 keys: .* use attention=full"):
        EACH[name]()(query, key[:, :, :9], value[:, :, :9])


def test_flex_attention_is_refused_where_it_has_no_gradients() -> None:
    with pytest.raises(ValueError, match="no gradients outside of CUDA; use auto"):
        LocalAttention(backend="flex")(*projected((1, 1, 20, 4), 0)[:3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalAttention(window=0), "window: must be >= 1, got 0"),
        (lambda: AtrousAttention(rate=0), "rate: must be >= 1 or sqrt, got 0"),
        (lambda: SparseAttention(rate="root"), "rate: must be >= 1 or sqrt, got root"),
        (lambda: FullAttention(dropout=1.0), "dropout: must be >= 0 and < 1, got 1.0"),
        (lambda: FullAttention(backend="fast"), "backend: must be one of auto, blocked, flex, dense, got fast"),
        (lambda: Pattern(), "a pattern needs a window, a rate or both"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


def test_all_four_are_registered_with_defaults_for_every_setting() -> None:
    for name, plugin in (
        ("full", FullAttention),
        ("local", LocalAttention),
        ("atrous", AtrousAttention),
        ("sparse", SparseAttention),
    ):
        assert registered["attention", name] is plugin
        assert issubclass(plugin, Attention)
        settings = list(inspect.signature(plugin).parameters.values())
        assert all(setting.default is not inspect.Parameter.empty for setting in settings)


def test_a_kernel_that_means_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    right = FlashTile.forward
    monkeypatch.setattr(FlashTile, "forward", lambda *tile: (right(*tile)[0], right(*tile)[1] * 1.4427))
    flash_works.cache_clear()
    assert not flash_works()

    def gone(*_: object) -> None:
        raise AttributeError("no such operator")

    monkeypatch.setattr(FlashTile, "forward", gone)
    flash_works.cache_clear()
    assert not flash_works()
    monkeypatch.undo()
    flash_works.cache_clear()
    assert flash_works()
