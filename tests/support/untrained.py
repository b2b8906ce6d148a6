"""Models as a run makes them before it trains: with random weights, on the embedded data."""

import torch

import dougong
from dougong.compose.compose import compose
from dougong.compose.settings import LoaderSettings
from dougong.inference.model import Model
from dougong.training.assemble import Assembly
from dougong.training.kept_data import fit_tokenizer
from dougong.training.prepare import make_task
from dougong.training.read import read

SMALL = (
    *("trainer=cpu", "data.size=40", "data.valid_size=10", "data.test_size=10", "embedding.dim=16", "tracker=csv"),
    "trainer.precision=32",
)


def untrained(*words: str) -> Model:
    """The model that these command-line words compose."""
    config = compose([*SMALL, *words])
    assembly = Assembly(config)
    cls = dougong.plugins("task")[config["task"]["name"]].load()
    _, found = read(assembly, ("train",))
    tokenizer = fit_tokenizer(assembly, cls, found["train"])
    facts = cls.study(found["train"])
    torch.manual_seed(0)
    task = make_task(assembly, facts, tokenizer)
    state = tokenizer.state() if tokenizer is not None else None
    description = {"config": config, "facts": facts, "tokenizer": state, "precision": "32"}
    return Model(task, config, LoaderSettings(batch_size=4), "32", description)
