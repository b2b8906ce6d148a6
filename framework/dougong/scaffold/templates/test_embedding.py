"""What embedding/my_embedding promises."""

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
    checks("embedding", "my_embedding", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_one_token_at_two_places_gets_two_vectors() -> None:
    tokenizer = dougong.create("tokenizer", "character", min_count=1)
    tokenizer.fit(["abc"])
    embedding = dougong.create(
        "embedding",
        "my_embedding",
        tokenizer=tokenizer,
        dim=5,
    )
    tokens = torch.full((1, 3), tokenizer.identity("b"))
    vectors = embedding(Inputs(tokens))
    assert vectors.shape == (1, 3, 5)
    assert not torch.allclose(vectors[0, 0], vectors[0, 1])
    placed = embedding(Inputs(tokens[:, :1], positions=torch.tensor([[2]])))
    torch.testing.assert_close(placed[0, 0], vectors[0, 2])
