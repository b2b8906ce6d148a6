"""The memory of a training does not grow with the number of shapes that it has seen."""

import os
import subprocess
import sys

import pytest

from dougong.training.kernels import VARIABLE

SHAPES = """
import resource, torch
from dougong.training.kernels import keep_few_kernels

keep_few_kernels()
layer = torch.nn.Linear(512, 2048).bfloat16()


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


with torch.no_grad():
    for rows in range(1000, 1060):
        layer(torch.zeros(rows, 512, dtype=torch.bfloat16))
    before = peak()
    for rows in range(500, 900):
        layer(torch.zeros(rows, 512, dtype=torch.bfloat16))
print((peak() - before) // 1024)
"""


def growth() -> int:
    """In MiB, while 400 shapes come; over a thousand where a kernel is kept for each."""
    told = {**os.environ, "OMP_NUM_THREADS": "1"}
    told.pop(VARIABLE, None)
    done = subprocess.run([sys.executable, "-c", SHAPES], env=told, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted as Linux counts it")
def test_memory_stays_when_ever_new_shapes_come():
    assert growth() <= 300
