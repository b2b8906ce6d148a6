"""What `dougong plugins matrix` says of plugins that go together, and of those that don't."""

import itertools
import json
from pathlib import Path

import pytest

from dougong.command_line.main import main
from dougong.compose.compose import compose
from dougong.compose.matrix import Matrix
from dougong.errors import UserError
from dougong.registry.catalogue import catalogue
from dougong.testing.matrix import TRIED, pair_of, pairs_in, pairwise


@pytest.fixture
def matrix(parts: str) -> Matrix:
    """That of the built-ins, and of encoders and attentions that can do less."""
    return Matrix(catalogue([parts.partition("=")[2]]))


def refused(words: list[str]) -> str | None:
    """Why composing refuses the words; None where it does not."""
    try:
        compose(words)
    except UserError as error:
        return str(error)
    return None


def test_the_table_is_printed_without_torch(without_torch, parts):
    text = without_torch("plugins", "matrix", parts).done()
    assert "encoder=bag has no attention." in text
    assert "attention=blind can't do padding attention, which encoder=transformer needs." in text
    assert "attention=deaf can't do causal attention, which task=causal_lm needs." in text
    assert text.splitlines()[-1].endswith("can be run.")


def test_the_table_for_programs_has_every_pair_with_its_reason(without_torch, parts):
    found = json.loads(without_torch("plugins", "matrix", "--json", parts).done())
    reasons = {(row["one"], row["other"]): row["reason"] for row in found["pairs"]}
    assert reasons["encoder/transformer", "attention/near"] is None
    assert reasons["encoder/bag", "attention/near"] == "encoder=bag has no attention."
    assert (
        "choose encoder=dgcnn or encoder=huggingface or encoder=transformer"
        in reasons["task/causal_lm", "encoder/twin"]
    )


def test_a_broken_plugin_is_left_out_and_named(without_torch, write):
    write(
        "mine/bad.py", 'from dougong import register\nimport nothing\n\n@register("encoder", "bad")\nclass Bad: ...\n'
    )
    text = without_torch("plugins", "matrix", "plugin_path=../mine").done()
    assert "left out encoder/bad: " in text


RAISES = """
    from dougong import register

    Base = object
    raise RuntimeError("no luck")


    @register("{kind}", "raises")
    class Raises(Base):
        '''Its facts can't be read: its base may state them.'''

        def __init__(self) -> None: ...
"""


@pytest.mark.parametrize("kind", ["attention", "encoder", "task", "data", "optimizer", "wrapper"])
def test_a_plugin_that_raises_where_its_facts_are_asked_for_is_left_out_and_harms_no_other(kind, write, capsys):
    path = write("mine/bad.py", RAISES.format(kind=kind))
    broken = Matrix(catalogue([str(path.parent)])).broken
    assert broken == {f"{kind}/raises": f"does not import ({path}:7): RuntimeError: no luck"}
    with_it = f"plugin_path={path.parent}"
    assert refused(["wrapper=lazy", "optimizer=muon", with_it]) == refused(["wrapper=lazy", "optimizer=muon"])
    assert refused(["task=classification", "data=text_file", with_it]) == refused(
        ["task=classification", "data=text_file"]
    )
    assert main(["plugins", "matrix", with_it]) == 0
    assert f"left out {kind}/raises: does not import" in capsys.readouterr().out


def test_wrong_words_are_refused(without_torch):
    assert "there is no such option" in without_torch("plugins", "matrix", "--all").refused()
    assert "there is no such setting" in without_torch("plugins", "matrix", "task=toy").refused()
    assert "usage: " in without_torch("plugins", "matrix", "-h").done()


def test_what_the_matrix_says_of_two_is_what_composing_says_of_them(matrix: Matrix, parts: str):
    """With attention, encoder and task all named, whatever is refused is refused because of two of these."""
    axes = ("attention", "encoder", "task")
    kept = {"blind", "deaf", "full", "bag", "twin", "transformer", "classification", "causal_lm"}
    for plugins in itertools.product(*([item for item in matrix.plugins[kind] if item.name in kept] for kind in axes)):
        reasons = {matrix.reason(*pair) for pair in itertools.combinations(plugins, 2)} - {None}
        words = [f"{plugin.kind}={plugin.name}" for plugin in plugins]
        told = refused([*words, parts])
        assert (told is None) == (not reasons), (words, told, reasons)
        assert told is None or any(told.startswith(str(reason).rstrip(".")) for reason in reasons), (words, told)


def test_pairwise_combinations_hold_every_pair_that_goes_together(matrix: Matrix):
    rows = pairwise(matrix)
    met = set().union(*map(pairs_in, rows))
    kinds = [kind for kind in TRIED if kind in matrix.plugins]
    pairs = [pair for two in itertools.combinations(kinds, 2) for pair in matrix.pairs(*two)]
    assert met <= {pair_of(pair.one, pair.other) for pair in pairs if pair.reason is None}
    for pair in pairs:
        if pair.reason is None and pair_of(pair.one, pair.other) not in met:
            # Only where nothing else goes with both: causal language modelling has no encoder for such an attention,
            # and no task with a decoder, which one callback needs, takes what most data give.
            both = {pair.one.key, pair.other.key}
            given = {name for part in (pair.one, pair.other) if part.kind == "data" for name in part.fact("yields")}
            writes = pair.one.kind == "decoder" or "callback/pseudo_targets" in both
            unwritten = writes and given and "SourceTarget" not in given
            assert both & {"attention/blind", "attention/deaf", "encoder/bag"} or unwritten, both


def test_pairwise_combinations_are_few_and_the_same_each_time(matrix: Matrix):
    rows = pairwise(matrix)
    assert [list(row.values()) for row in rows] == [list(row.values()) for row in pairwise(matrix)]
    largest = sorted(len(matrix.plugins[kind]) for kind in TRIED if kind in matrix.plugins)[-2:]
    assert len(rows) <= 2 * largest[0] * largest[1]


def test_the_counts_are_those_of_the_combinations(matrix: Matrix, capsys, parts):
    fit, total = matrix.counts()
    sizes = [len(matrix.plugins[kind]) for kind in ("attention", "encoder", "task", "optimizer")]
    assert total % (sizes[0] * sizes[1] * sizes[2] * sizes[3]) == 0
    assert 0 < fit < total
    main(["plugins", "matrix", parts])
    assert f"{fit:,} of {total:,} combinations of" in capsys.readouterr().out


def test_a_plugin_that_is_added_is_in_the_matrix(write, without_torch):
    before = json.loads(without_torch("plugins", "matrix", "--json").done())["pairs"]
    write(
        "mine/new.py",
        """
        from dougong import register
        from dougong.contracts.attention import Attention


        @register("attention", "new")
        class New(Attention):
            supports = frozenset({"padding"})

            def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
                return value
        """,
    )
    folder = f"plugin_path={Path(without_torch.folder).parent / 'mine'}"
    after = json.loads(without_torch("plugins", "matrix", "--json", folder).done())["pairs"]
    added = {(row["one"], row["other"]): row["reason"] for row in after if row not in before}
    assert added["encoder/transformer", "attention/new"] is None
    assert added["task/causal_lm", "attention/new"] == (
        "attention=new can't do causal attention, which task=causal_lm needs."
    )
