"""Every plugin that comes with Dougong keeps what its kind promises; a new one is taken in by itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from dougong.registry.catalogue import Catalogue
from dougong.testing import BoundCheck, checks

BUILT_IN = [(plugin.kind, plugin.name) for plugin in Catalogue()]

VARIANTS: list[tuple[str, str, dict[str, Any]]] = [
    ("attention", "local", {"window": 3}),
    ("attention", "atrous", {"rate": 3}),
    ("attention", "sparse", {"rate": 4}),
    ("encoder", "transformer", {"norm": "post", "pooling": "cls"}),
    ("encoder", "transformer", {"norm": "post", "pooling": "pooler", "share_layers": True}),
    ("embedding", "token", {"positions": "none"}),
    (
        "embedding",
        "token",
        {"positions": "hierarchical", "learned_positions": 6, "max_length": 36, "segments": 2, "norm": True},
    ),
    ("task", "masked_lm", {"pack_across_documents": True}),
    ("task", "tagging", {"decoder": "softmax"}),
    ("task", "tagging", {"decoder": "pointer"}),
    ("task", "event_extraction", {"decoder": "pointer", "all_mentions": True}),
    ("tokenizer", "character", {"keep_whitespace": True, "lowercase": False}),
    ("task", "reading_comprehension", {"unanswerable": True, "n_best": 3}),
]
"""Settings that make another thing of a plugin, beside its defaults."""


def every_check() -> Iterator[Any]:
    for kind, name in BUILT_IN:
        for check in checks(kind, name):
            yield pytest.param(check, id=f"{kind}/{name}-{check}")
    for kind, name, settings in VARIANTS:
        shown = ",".join(f"{key}={value}" for key, value in settings.items())
        for check in checks(kind, name, settings=settings):
            yield pytest.param(check, id=f"{kind}/{name}[{shown}]-{check}")


@pytest.mark.parametrize("check", list(every_check()))
def test_conforms(check: BoundCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    check()
