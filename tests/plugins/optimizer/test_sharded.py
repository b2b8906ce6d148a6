"""Parameters that are spread over processes (FSDP2) are moved as whole ones are, and the state survives."""

import pytest
import torch
from descents import Tagger, descend, through_a_file, weights
from torch import nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.fsdp import fully_shard
from torch.multiprocessing import spawn

import dougong

CASES = {
    "adamw": {},
    "adax": {},
    "adafactor": {"min_dim": 2},
    "adafactor, momentum": {"min_dim": 2, "momentum": 0.9},
    "adafactor, whole": {},
    "lion": {},
    "muon": {},
    "radam": {},
    "sgd": {},
    "schedule_free_adamw": {},
}


def make(case: str, shard: bool) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = Tagger()
    if shard:
        fully_shard(model, mesh=torch.distributed.init_device_mesh("cpu", (torch.distributed.get_world_size(),)))
    name = case.partition(",")[0]
    optimizer = dougong.create("optimizer", name, params=list(model.parameters()), lr=0.05, **CASES[case])
    getattr(optimizer, "train", lambda: None)()
    return model, optimizer


def compare(case: str) -> None:
    """Sharded, and stopped and gone on with, against whole."""
    sharded, plain = make(case, True), make(case, False)
    for parts in (sharded, plain):
        descend(*parts, range(5))
    resumed = make(case, True)
    resumed[0].load_state_dict(sharded[0].state_dict())
    set_optimizer_state_dict(*resumed, through_a_file(get_optimizer_state_dict(*sharded)))
    for parts in (resumed, plain):
        descend(*parts, range(5, 9))
    for one, other in zip(weights(resumed[0]), weights(plain[0]), strict=True):
        torch.testing.assert_close(one.full_tensor(), other, rtol=1e-12, atol=1e-12)


def process(rank: int, folder: str) -> None:
    """One of two."""
    torch.Tensor.bfloat16 = torch.Tensor.double  # what PyTorch's Muon rounds to depends on the order of its sums
    store = torch.distributed.FileStore(f"{folder}/store", 2)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2, store=store)
    for case in CASES:
        compare(case)
    torch.distributed.destroy_process_group()


@pytest.fixture
def process_group():
    torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=torch.distributed.HashStore())
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("process_group")
def test_sharded_parameters_are_moved_as_whole_ones_and_gone_on_with(case):
    compare(case)


@pytest.mark.usefixtures("process_group")
def test_lamb_refuses_them_and_says_what_takes_them():
    model = Tagger()
    fully_shard(model, mesh=torch.distributed.init_device_mesh("cpu", (1,)))
    with pytest.raises(ValueError, match=r"lamb takes no sharded parameters .*; choose adafactor, adamw,") as caught:
        dougong.create("optimizer", "lamb", params=list(model.parameters()))
    offered = str(caught.value).partition("; choose ")[2].rstrip(".").replace(" or ", ", ").split(", ")
    assert set(offered) == {case.partition(",")[0] for case in CASES}


@pytest.mark.slow
def test_they_are_in_two_processes_too(tmp_path):
    spawn(process, args=(str(tmp_path),), nprocs=2)
