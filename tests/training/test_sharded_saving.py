"""What a process does with its part of the weights when it saves; what has none has no such setting."""

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard

from dougong.checkpoint import archive, file, parts
from dougong.checkpoint.lightning import SafeCheckpointIO
from dougong.compose.compose import compose
from dougong.errors import UserError
from dougong.training.processes.sharded_strategy import Sharded


@pytest.fixture
def spread_model():
    """A model that one process holds as FSDP2 does."""
    torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=torch.distributed.HashStore())
    model = nn.Linear(3, 5)
    fully_shard(model, mesh=torch.distributed.init_device_mesh("cpu", (1,)))
    yield model
    torch.distributed.destroy_process_group()


def test_where_a_part_can_not_be_written_there_is_no_checkpoint_and_the_last_stays(spread_model, tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    strategy = Sharded(torch.device("cpu"), in_parts=True)
    strategy.checkpoint_io = SafeCheckpointIO()

    def save(update: int) -> None:
        described = {"format": file.FORMAT, **dict.fromkeys(file.PARTS), "update": update}
        strategy.save_checkpoint({file.KEY: described, "state_dict": spread_model.state_dict()}, path)
        parts.sweep(tmp_path)

    def full(content, target):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    save(1)
    assert strategy.checkpoint_io.problem is None
    (before,) = tmp_path.glob("parts-1-*")
    with monkeypatch.context() as patch:
        patch.setattr(archive, "write", full)
        save(2)
    assert strategy.checkpoint_io.problem == "No space left on device"
    assert file.load(path)[file.KEY]["update"] == 1
    assert sorted(tmp_path.iterdir()) == sorted([path, before])
    save(3)
    assert strategy.checkpoint_io.problem is None
    assert file.load(path)["state_dict"]["weight"].shape == (5, 3)


def test_fsdp_saves_in_parts_and_nothing_else_can():
    assert compose(["trainer=fsdp"])["trainer"]["sharded_checkpoints"] is True
    assert compose([])["trainer"]["sharded_checkpoints"] is False
    for strategy in ("single", "ddp"):
        with pytest.raises(UserError, match=r"trainer.sharded_checkpoints: True has no effect.*add trainer=fsdp"):
            compose([f"trainer.strategy={strategy}", "trainer.sharded_checkpoints=true"])
