"""torch.compile sees one node, and does not compile anew for each length."""

import subprocess
import sys

import pytest
import torch
from attention_reference import EACH, padding, projected, relative
from torch._dynamo.testing import CompileCounterWithBackend

from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.full import FullAttention
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention

LENGTHS = [700, 701, 830, 512, 963, 1024, 640]
SHORT_LENGTHS = [60, 61, 83, 51, 96, 102, 64]


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    torch._dynamo.reset()


def compiled_graphs(attention: torch.nn.Module, lengths: list[int], padded: bool = False) -> int:
    """How many graphs are made for forward and backward at the lengths, whose results must be those of plain calls."""
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(attention, backend=counter, fullgraph=True)
    for length in lengths:
        *inputs, grad = projected((2, 2, length, 8), length, torch.float32)
        mask = padding(2, length, 0.3, length) if padded else None
        results = []
        for attend in (compiled, attention):
            leaves = [tensor.clone().requires_grad_() for tensor in inputs]
            output = attend(*leaves, key_padding_mask=mask, causal=True)
            results.append((output, *torch.autograd.grad(output, leaves, grad)))
        assert all(relative(ours, plain) < 1e-5 for ours, plain in zip(*results, strict=True))
    return counter.frame_count


@pytest.mark.parametrize(
    "attention",
    [FullAttention(), LocalAttention(20), AtrousAttention(), AtrousAttention(7), SparseAttention()],
    ids=str,
)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, SHORT_LENGTHS], ids=["long", "short"])
def test_seven_lengths_take_two_graphs_one_fixed_and_one_for_any_length(
    attention: torch.nn.Module, padded: bool, lengths: list[int]
) -> None:
    assert compiled_graphs(attention, lengths, padded) <= 2


def test_lengths_on_both_sides_of_the_rule_take_one_graph_more() -> None:
    mixed = [length for pair in zip(LENGTHS, SHORT_LENGTHS, strict=True) for length in pair]
    assert compiled_graphs(SparseAttention(), mixed) <= 3


@pytest.mark.parametrize("name", EACH)
def test_blocked_attention_is_one_node(name: str) -> None:
    nodes: list[str] = []

    def record(graph: torch.fx.GraphModule, _: object) -> object:
        nodes.extend(str(node.target) for node in graph.graph.nodes if "dougong" in str(node.target))
        return graph.forward

    torch.compile(EACH[name](backend="blocked"), backend=record)(*projected((1, 2, 50, 8), 0)[:3])
    assert len(nodes) == 1


def test_dropout_is_drawn_anew_at_each_call_of_a_compiled_module() -> None:
    attention = LocalAttention(5, dropout=0.5, backend="blocked")
    compiled = torch.compile(attention, backend="aot_eager", fullgraph=True)
    inputs = projected((1, 2, 50, 8), 0)[:3]
    assert not torch.equal(compiled(*inputs), compiled(*inputs))


@pytest.mark.slow
def test_the_default_compiler_gives_the_same_numbers() -> None:
    attention = SparseAttention(5, backend="blocked")
    compiled = torch.compile(attention, fullgraph=True)
    query, key, value, grad = projected((2, 2, 90, 8), 0, torch.float32)
    mask = padding(2, 90, 0.3, 0)
    results = []
    for attend in (compiled, attention):
        leaves = [tensor.clone().requires_grad_() for tensor in (query, key, value)]
        output = attend(*[leaf * 1.5 for leaf in leaves], key_padding_mask=mask)
        results.append((output, *torch.autograd.grad(output, leaves, grad)))
    assert all(relative(ours, plain) < 1e-5 for ours, plain in zip(*results, strict=True))


def test_the_plugins_are_imported_without_the_compiler() -> None:
    program = "import sys, dougong_plugins.attention.sparse; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
