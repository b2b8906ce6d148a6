"""What `import dougong` gives, and what it costs."""

import subprocess

import pytest

import dougong

NAMES = ["Default", "PerLayer", "UserError", "create", "evaluate", "load", "plugins", "register", "train"]


def test_the_public_names_are_these():
    assert dougong.__all__ == NAMES
    assert dir(dougong) == sorted([*NAMES, "__version__"])
    assert all(getattr(dougong, name).__doc__ for name in NAMES)


def test_the_names_of_a_model_that_was_loaded_are_these():
    from dougong.inference.model import Model

    names = {name for name, value in vars(Model).items() if not name.startswith("_") and callable(value)}
    assert names == {"answers", "as_record", "evaluate", "export", "predict", "predict_file", "stream"}
    assert all(getattr(Model, name).__doc__ for name in names)


def test_no_public_name_is_that_of_a_module_which_would_take_its_place():
    """`import dougong.export` would make `dougong.export` a module."""
    from pathlib import Path

    modules = {path.stem for path in Path(dougong.__file__).parent.iterdir() if not path.name.startswith("_")}
    assert modules & set(NAMES) == set()


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'dougong' has no attribute 'trian'"):
        _ = dougong.trian


def python(program: str, command) -> str:
    import sys

    run = subprocess.run([sys.executable, "-c", program], env=command.environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_importing_it_imports_no_torch_and_nothing_else_that_is_heavy(without_torch):
    heavy = "{'torch', 'pytorch_lightning', 'hydra', 'omegaconf', 'numpy', 'rich', 'wandb', 'tokenizers'}"
    assert python(f"import sys, dougong; print({heavy} & set(sys.modules))", without_torch) == "set()\n"


def test_plugins_are_told_of_without_torch(without_torch):
    program = "import dougong\nfound = dougong.plugins('schedule')\nprint(sorted(found)[:2], found['constant'].summary)"
    assert python(program, without_torch).startswith("['constant', 'cosine'] The optimizer's learning rate")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("plugins('attntion')", "attntion: there is no such kind of plugin. Did you mean `attention`?"),
        ("create('attention', 'fll')", "attention/fll: there is no such attention. Did you mean `full`?"),
        ("create('schedule', 'linear_warmup', warmup=-1)", "schedule/linear_warmup.warmup: must be >= 0, got -1"),
        ("create('schedule', 'constant', rate=1)", "schedule/constant.rate: there is no such setting."),
        ("train(['optimizer.lrr=1'])", "optimizer.lrr: there is no such setting. Did you mean `lr`?"),
        ("evaluate('gone.ckpt')", "checkpoint: gone.ckpt does not exist"),
        ("evaluate('gone.ckpt', ['splt=test'])", "splt: there is no such setting. Did you mean `split`?"),
        ("train(['resume=gone', 'seed=1'])", "resume=gone: a resumed run keeps its own configuration"),
    ],
)
def test_a_mistake_is_a_user_error_that_is_a_value_error(call, message):
    with pytest.raises(dougong.UserError) as refused:
        eval(f"dougong.{call}")
    assert isinstance(refused.value, ValueError)
    assert message in str(refused.value)


def test_a_plugin_alone_is_what_its_class_makes():
    import torch

    attention = dougong.create("attention", "full")
    value = torch.randn(1, 2, 5, 4)
    assert attention(value, value, value).shape == value.shape
    optimizer = dougong.create("optimizer", "adamw", params=[torch.nn.Parameter(torch.ones(2))], lr=1e-3)
    assert optimizer.param_groups[0]["lr"] == 1e-3
