"""What decoder/my_decoder promises."""

from collections.abc import Callable
from pathlib import Path

import dougong
import pytest
import torch
from dougong.contracts.decoder import Source
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("decoder", "my_decoder", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_a_token_is_seen_as_long_as_the_layers_reach() -> None:
    tokenizer = dougong.create("tokenizer", "character", min_count=1)
    tokenizer.fit(["abc"])
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=8)
    decoder = dougong.create(
        "decoder",
        "my_decoder",
        embedding=embedding,
        layers=2,
        reach=1,
    )
    decoder.eval()
    source = Source(torch.ones(1, 4, 8))
    tokens = torch.full((1, 9), tokenizer.identity("a"))
    other = tokens.clone()
    other[0, 0] = tokenizer.identity("b")
    differs = (decoder(tokens, source) != decoder(other, source)).any(-1)[0]
    assert differs.tolist() == [True] * 3 + [False] * 6
