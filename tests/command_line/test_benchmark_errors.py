"""The help of `dougong benchmark`, and what a user gets wrong: one line, before torch is imported."""

import pytest


@pytest.mark.parametrize("words", [(), ("--help",), ("attention", "--help"), ("attention", "lengths=[8]", "-h")])
def test_help_names_every_setting_and_default(words, without_torch):
    text = without_torch("benchmark", *words).done()
    assert "usage: dougong benchmark attention" in text
    assert "([512,1024,4096])" in text
    assert all(f"\n  {name} " in text for name in ("heads", "seconds", "memory", "output", "plugin_path", "rounds"))


ERRORS = [
    (
        "atention",
        "dougong benchmark atention: there is no such benchmark. Did you mean `attention`? Allowed: attention.",
    ),
    ("attention heads", "heads: not KEY=VALUE. usage: dougong benchmark attention [KEY=VALUE ...]"),
    ("attention lengths=[0]", "lengths[0]: must be >= 1, got 0."),
    ("attention lengths=[8,x]", "lengths[1]: must be a whole number, got 'x'."),
    ("attention lengths=[]", "lengths: must name at least one."),
    ("attention heads=0", "heads: must be >= 1, got 0."),
    ("attention seconds=0", "seconds: must be > 0, got 0.0."),
    ("attention memory=.nan", "memory: must be > 0, got nan."),
    ("attention causal=maybe", "causal: must be true or false, got 'maybe'."),
    (
        "attention dtype=float23",
        "dtype: must be one of float32, float64, bfloat16, float16, got 'float23'. Did you mean `float32`?",
    ),
    ("attention plugin_path=gone", "plugin_path: gone does not exist."),
    ("attention attention.local.window=0", "attention.local.window: must be >= 1, got 0."),
    (
        "attention attention.local.widow=1",
        "attention.local.widow: there is no such setting. Did you mean `window`? Known: window, dropout, backend.",
    ),
    ("attention attention.local=1", "attention.local: not a setting; say attention.local.KEY=VALUE."),
    (
        "attention attention=[full] attention.local.window=1",
        "attention.local: there is no such attention here. Allowed: full.",
    ),
]


@pytest.mark.parametrize(("words", "line"), ERRORS, ids=[words for words, _ in ERRORS])
def test_a_mistake_is_one_line_before_torch_is_imported(words, line, without_torch):
    assert without_torch("benchmark", *words.split()).refused() == line
    assert not list(without_torch.folder.iterdir())


@pytest.mark.parametrize(
    ("words", "begins", "offers"),
    [
        ("attention lenghts=[8]", "lenghts: there is no such setting.", "Did you mean `lengths`?"),
        ("atention", "dougong benchmark atention: there is no such benchmark.", "Did you mean `attention`?"),
        ("attention attention=[full,lokal]", "attention=lokal: there is no such attention.", "Did you mean `local`?"),
        (
            "attention attention.lokal.window=1",
            "attention.lokal: there is no such attention here.",
            "Did you mean `local`?",
        ),
    ],
)
def test_a_misspelt_name_offers_the_nearest_before_torch_is_imported(words, begins, offers, without_torch):
    line = without_torch("benchmark", *words.split()).refused()
    assert line.startswith(begins)
    assert offers in line


def test_an_attention_that_was_asked_for_and_can_not_do_it_is_refused(without_torch, parts, write):
    able = "supports = frozenset({'padding'})\n\n    def __init__(self, rank: int) -> None: ...\n"
    head = "from dougong import register\nfrom dougong.contracts.attention import Attention\n\n\n"
    write("parts/needy.py", f"{head}@register('attention', 'needy')\nclass Needy(Attention):\n    {able}")
    line = without_torch("benchmark", "attention", parts, "attention=needy", "causal=true").refused()
    assert line == "attention=needy can't do causal attention."
    line = without_torch("benchmark", "attention", parts, "attention=needy").refused()
    assert line == "attention.needy.rank: has to be given, as attention.needy.rank=..."


def test_an_output_that_is_a_file_is_refused_before_anything_is_measured(without_torch, write):
    path = write("taken", "")
    assert without_torch("benchmark", "attention", f"output={path}").refused() == f"output: {path} is not a folder."
