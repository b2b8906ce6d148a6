"""Networks as programs of others: the same numbers at any size, with all that is needed to use them."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from untrained import untrained

import dougong
from dougong.errors import UserError
from dougong.export.comparison import agree, difference
from dougong.export.formats import export
from dougong.export.network import programs
from dougong.export.onnx_file import as_onnx, runner, session

slow = pytest.mark.slow
STATIC = {
    "classification": ["encoder.layers=1"],
    "classification of pairs of attentions": ["attention=[local,atrous]", "attention.local.window=3"],
    "sparse attention, turned by positions": ["attention=sparse", "encoder.rotary=true", "embedding.positions=none"],
    "tagging by gated convolutions": ["task=tagging", "encoder=dgcnn"],
    "spans by pointers": ["task=tagging", "task.decoder=pointer"],
    "events": ["task=event_extraction"],
    "relations": ["task=relation_extraction"],
    "reading": ["task=reading_comprehension", "embedding.segments=2"],
    "reading of several passages": ["task=passage_qa"],
    "masked tokens": ["task=masked_lm"],
    "next tokens": ["task=causal_lm", "attention=local", "attention.local.backend=blocked"],
    "words of characters": ["embedding=char_word"],
}


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, id=name, marks=[] if name == "classification" else [slow]) for name, words in STATIC.items()],
)
def test_a_program_gives_the_numbers_of_the_network_at_any_size_in_onnxruntime(words):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    for program in programs(untrained(*words)):
        sizes = [next(iter(inputs.values())).shape for inputs, _ in program.cases]
        assert len({size[0] for size in sizes}) == len({size[1] for size in sizes}) == 3
        assert agree(program.cases, runner(session(as_onnx(program)), program)) < 1e-4


@slow
def test_sizes_that_differ_have_names_in_the_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    (program,) = programs(untrained("encoder.layers=1", "task=tagging"))
    graph = as_onnx(program).graph
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    tokens, mask = ["batch", "length"], ["batch", "length"]
    assert shapes == {"tokens": tokens, "padding_mask": mask, "scores": ["batch", "length - 2", 15]}
    onnx.checker.check_model(as_onnx(program))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["task=seq2seq"], "this task writes its targets token by token"),
        (["encoder=recurrent"], "task=classification, encoder=recurrent: its network can't be traced"),
    ],
)
@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_a_network_that_is_no_program_is_refused_in_a_line_and_nothing_is_written(words, reason, form, tmp_path):
    with pytest.raises(UserError, match=r"^to: ") as refused:
        export(untrained(*words), form, tmp_path / "out")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_the_model_is_as_before_after_it_was_exported(tmp_path):
    model = untrained("encoder.layers=1", "task=tagging")
    model.task.double()
    before = {name: tensor.clone() for name, tensor in model.task.state_dict().items()}
    programs(model)
    after = model.task.state_dict()
    assert all(after[name].dtype == tensor.dtype and after[name].equal(tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("form", "words"),
    [
        pytest.param("onnx", [], marks=slow),
        pytest.param("onnx", ["task=passage_qa"], marks=slow),
        pytest.param("torch", [], marks=slow),
        pytest.param("torch", ["task=reading_comprehension"], marks=slow),
        ("safetensors", []),
    ],
)
def test_the_example_of_the_readme_runs_in_the_folder(form, words, tmp_path, command):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    export(untrained(*words), form, tmp_path / "out")
    (program,) = re.findall(r"```python\n(.*?)```", (tmp_path / "out" / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(program.splitlines()) <= 20
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "out", env=command.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("form", [pytest.param("onnx", marks=slow), pytest.param("torch", marks=slow)])
def test_no_path_of_whoever_exports_is_in_the_files(form, tmp_path):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    export(untrained("encoder.layers=1"), form, tmp_path / "out")
    here = str(Path(dougong.__file__).parents[1]).encode()
    for path in (tmp_path / "out").iterdir():
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                assert not any(here in archive.read(name) for name in archive.namelist())
        assert here not in path.read_bytes()


@slow
def test_eight_bits_make_a_smaller_file_that_answers_alike(tmp_path):
    pytest.importorskip("onnxruntime")
    model = untrained("encoder.layers=2", "embedding.dim=128")
    export(model, "onnx", tmp_path / "plain")
    lines = export(model, "onnx", tmp_path / "small", "int8")
    sizes = [(tmp_path / name / "model.onnx").stat().st_size for name in ("plain", "small")]
    assert sizes[1] < sizes[0] / 3
    assert "int8" in lines[0]


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("found", "expected", "apart"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.2),
        ([0.1, 0.2], [0.1, 0.3], 0.1),
        ([NAN, -INFINITY, 1.0], [NAN, -INFINITY, 1.0], 0.0),
        ([1.0], [1.0, 2.0], INFINITY),
        ([INFINITY, 1.0], [-INFINITY, 1.0], INFINITY),
        ([], [], 0.0),
    ],
)
def test_how_far_numbers_are_apart(found, expected, apart):
    assert difference(torch.tensor(found), torch.tensor(expected)) == pytest.approx(apart)


def test_a_number_that_is_none_where_there_should_be_one_is_not_alike():
    case = ({"tokens": torch.ones(1, 2)}, {"scores": torch.ones(1)})
    for wrong in (NAN, 1.001):
        with pytest.raises(UserError, match="the program's numbers differ"):
            agree([case], lambda _, wrong=wrong: {"scores": torch.tensor([wrong])})


def test_a_program_that_does_not_run_at_a_size_is_refused_with_it():
    def run(batch):
        raise RuntimeError("length must be\n3")

    with pytest.raises(UserError, match=r"^to: the program does not run at the sizes \{'tokens': \(1, 2\)\}"):
        agree([({"tokens": torch.ones(1, 2)}, {"scores": torch.ones(1)})], run)
