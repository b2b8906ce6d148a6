"""What encoder/my_encoder promises."""

from collections.abc import Callable
from pathlib import Path

import dougong
import pytest
import torch
from dougong.contracts.embedding import Inputs
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("encoder", "my_encoder", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_a_token_sees_as_far_as_the_layers_reach() -> None:
    tokenizer = dougong.create("tokenizer", "character", min_count=1)
    tokenizer.fit(["abc"])
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=8)
    encoder = dougong.create(
        "encoder",
        "my_encoder",
        embedding=embedding,
        layers=2,
        reach=1,
    )
    encoder.eval()
    tokens = torch.full((1, 9), tokenizer.identity("a"))
    other = tokens.clone()
    other[0, 0] = tokenizer.identity("b")
    differs = (encoder(Inputs(tokens)) != encoder(Inputs(other))).any(-1)[0]
    assert differs.tolist() == [True] * 3 + [False] * 6
