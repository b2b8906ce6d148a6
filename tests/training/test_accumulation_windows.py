"""k micro-batches equal one batch: any optimizer, a loss a token or an example, clipped, in one process and in two."""

import gc
import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
import windows
from windows import EPOCHS, LARGE, SMALL, Counts, batches, cases, train, weights

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
ROOTS = [str(Path(__file__).parents[2] / folder) for folder in ("framework", "plugins")]


def assert_equal(found, expected, case):
    for name, item in expected.items():
        torch.testing.assert_close(found[name], item, rtol=TOLERANCE[case[3]], atol=TOLERANCE[case[3]], msg=name)


@cache
def one_batch(case):
    """The weights of training on large batches, in one process."""
    return weights(train(case, batches(LARGE), 1))


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """The weights that two gloo processes end with, by case."""
    path = tmp_path_factory.mktemp("gloo") / "weights.pt"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    group |= {"TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(ROOTS)}
    processes = [
        subprocess.Popen(
            [sys.executable, windows.__file__, str(path)],
            env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank), "GROUP_RANK": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("case", cases(), ids="/".join)
def test_micro_batches_in_one_process_equal_the_large_batch(case):
    assert_equal(weights(train(case, batches(SMALL), 6)), one_batch(case), case)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids="/".join)
def test_micro_batches_in_two_processes_equal_the_large_batch(case, two_processes):
    found = two_processes["/".join(case)]
    assert not isinstance(found, str), found
    assert_equal(found, one_batch(case), case)


TENSORS = (torch.Tensor, torch.nn.Parameter)
ADAMW = ("adamw", "", "token", "float64")


@pytest.mark.parametrize("level", windows.LEVELS)
@pytest.mark.parametrize("window", [2, 5, 14, 99])
def test_any_window_equals_its_large_batch_also_where_the_last_one_is_short(window, level):
    case = ("adamw", "", level, "float64")
    large = train(case, batches(SMALL * window), 1)
    assert_equal(weights(train(case, batches(SMALL), window)), weights(large), case)


def test_it_could_fail_a_mean_of_means_is_far_off(monkeypatch):
    monkeypatch.setattr(windows.TrainingModule, "_divides_at_once", True)
    off = weights(train(ADAMW, batches(SMALL), 6))
    with pytest.raises(AssertionError):
        assert_equal(off, one_batch(ADAMW), ("", "", "", "float32"))


def test_clipping_sees_the_gradient_of_the_window_once():
    free = weights(train(ADAMW, batches(LARGE), 1, clip_norm=None))
    assert not torch.allclose(free["layers.0.weight"], one_batch(ADAMW)["layers.0.weight"])
    found = weights(train(ADAMW, batches(SMALL), 6, clip_norm=None))
    assert_equal(found, free, ADAMW)


@pytest.mark.parametrize("optimizer", sorted({case[0] for case in cases()}))
def test_learning_rates_and_the_optimizers_clock_count_updates(optimizer):
    case = (optimizer, "", "token", "float64")
    counts = {window: Counts() for window in (1, 6)}
    train(case, batches(LARGE), 1, callbacks=[counts[1]])
    module = train(case, batches(SMALL), 6, callbacks=[counts[6]])
    assert len(counts[6].rates) == 3 * EPOCHS
    assert counts[6].rates == counts[1].rates
    assert len(set(counts[6].rates)) > 1
    clocks = [state["step"] for state in module.optimizers().state.values() if "step" in state]
    assert all(int(clock) == 3 * EPOCHS for clock in clocks)


def test_scaled_gradients_are_unscaled_once_a_window():
    """fp16's scaler, on the CPU: it is told of each window once, and the weights are those of training without it."""

    class Watched(torch.amp.GradScaler):
        unscaled = 0

        def unscale_(self, optimizer):
            type(self).unscaled += 1
            super().unscale_(optimizer)

    from pytorch_lightning.plugins import MixedPrecision

    class Plain(MixedPrecision):
        """The scaler without lower precision, so that the results can be compared."""

        def forward_context(self):
            return torch.enable_grad()

    case = ("adamw", "", "token", "float32")
    scaler = Watched("cpu", init_scale=1024.0)
    found = train(case, batches(SMALL), 6, precision=None, plugins=[Plain("16-mixed", "cpu", scaler)])
    assert Watched.unscaled == 3 * EPOCHS
    assert_equal(weights(found), weights(train(case, batches(LARGE), 1)), case)


def test_there_is_no_second_gradient_buffer():
    """Within a window there is one gradient a parameter, in one place, and no other tensor of a parameter's shape."""
    places, tensors = [], []

    class Watch(Counts):
        def on_after_backward(self, trainer, pl_module):
            parameter = pl_module.task.layers[0].weight
            places.append((trainer.global_step, parameter.grad.data_ptr()))
            if len(places) in (1, 5):  # in the first window, before the optimizer has a state; looking takes a while
                same = [item for item in gc.get_objects() if type(item) in TENSORS and item.shape == parameter.shape]
                tensors.append(len({item.data_ptr() for item in same}))

        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            places.append((trainer.global_step, pl_module.task.layers[0].weight.grad.data_ptr()))

    train(ADAMW, batches(SMALL), 6, callbacks=[Watch()])
    for update in range(3 * EPOCHS):
        assert len({place for number, place in places if number == update}) == 1
    assert len(tensors) == 2
    assert tensors[0] == tensors[1]
