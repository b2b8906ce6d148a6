"""wandb, TensorBoard and MLflow are told the same, all at once, also where a run is stopped and goes on."""

import math

import pytest
from recorded import (
    mlflow_points,
    mlflow_run,
    tensorboard_events,
    tensorboard_points,
    wandb_history,
    wandb_points,
    wandb_records,
)
from runs import PLUGINS, measurements, resume, train

pytest.importorskip("wandb")
pytest.importorskip("tensorboard")
pytest.importorskip("mlflow")
pytest.importorskip("matplotlib")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run that broke off at update 7, after it had saved at update 6, and went on."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        words = [
            *("tracker=[csv,wandb,tensorboard,mlflow]", f"tracker.mlflow.folder={folder / 'mlflow'}"),
            *("tracker.mlflow.log_model=true", "tracker.wandb.log_model=true", "tracker.mlflow.timeout=120"),
            *("trainer.max_epochs=1", "trainer.log_every=2", "trainer.save_every=3", "encoder.layers=2"),
            *(f"plugin_path=[{PLUGINS}]", "callback=crash"),
        ]
        patch.setenv("DOUGONG_TEST_CRASH", "raise:step:7")
        with pytest.raises(ZeroDivisionError):
            train(folder / "run", *words)
        patch.setenv("DOUGONG_TEST_CRASH", "")
        result = resume(folder / "run")
    assert not [line for line in result.notes if "not recorded" in line], result.notes
    return folder


def close(points, expected):
    """The same names and updates, each once, with the same values, up to float32."""
    found = {(name, update): value for name, update, value in points}
    assert len(found) == len(points)
    assert found.keys() == expected.keys()
    return all(math.isclose(found[key], value, rel_tol=1e-6, abs_tol=1e-7) for key, value in expected.items())


def test_all_have_the_same_names_updates_and_values(run):
    expected = {(name, update): value for update, name, value in measurements(run / "run", ())}
    assert {name.partition("/")[0] for name, _ in expected} == {
        "train",
        "valid",
        "test",
        "speed",
        "optimizer",
        "memory",
    }
    assert close(wandb_points(run / "run"), expected)
    assert close(tensorboard_points(run / "run"), expected)
    assert close(mlflow_points(run / "mlflow"), expected)


def test_what_went_on_is_the_same_run_for_each(run):
    ids = {record.run.run_id for record in wandb_records(run / "run") if record.WhichOneof("record_type") == "run"}
    assert len(ids) == 1
    _, found = mlflow_run(run / "mlflow")  # there is one
    assert found.info.status == "FINISHED"
    assert found.data.tags["dougong.identity"] in ids


def test_choices_are_plain_fields_beside_the_whole_configuration(run):
    _, found = mlflow_run(run / "mlflow")
    for name, value in {"task": "classification", "attention": "full", "optimizer": "adamw", "seed": "0"}.items():
        assert found.data.params[name] == value
    assert found.data.params["settings.encoder.layers"] == "2"
    assert found.data.params["run.plugins.attention/full"].startswith("built-in")
    record = next(item for item in wandb_records(run / "run") if item.WhichOneof("record_type") == "run")
    config = {item.key: item.value_json for item in record.run.config.update}
    assert config["attention"] == '"full"'
    assert '"layers"' in config["settings"]
    hidden = tensorboard_events(run / "run").SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"settings.encoder.layers" in hidden


def test_all_show_confusion_curves_wrong_predictions_and_attention(run):
    keys = {name for row in wandb_history(run / "run") for name in row}
    client, found = mlflow_run(run / "mlflow")
    images = " ".join(item.path for item in client.list_artifacts(found.info.run_id, "images"))
    tags = tensorboard_events(run / "run").Tags()
    for split in ("valid", "test"):
        shown = {f"{split}/attention/layer_1", f"{split}/attention/layer_2"}
        assert shown | {f"{split}/confusion", f"{split}/wrong"} <= keys
        assert shown | {f"{split}/confusion_matrix"} <= set(tags["images"])
        assert any(name.startswith(f"{split}/precision_recall/") for name in tags["tensors"])
        assert f"{split}/wrong/text_summary" in tags["tensors"]
        for name in (*shown, f"{split}/precision_recall", f"{split}/confusion_matrix"):
            assert name.replace("/", "~") in images
        assert client.list_artifacts(found.info.run_id, f"tables/{split}/wrong")


def test_the_best_checkpoint_is_an_artifact_where_it_was_asked_for(run):
    client, found = mlflow_run(run / "mlflow")
    assert [item.path for item in client.list_artifacts(found.info.run_id, "model")] == ["model/best.ckpt"]
    kept = [item.artifact for item in wandb_records(run / "run") if item.artifact.type == "model"]
    assert [entry.path for item in kept for entry in item.manifest.contents] == ["best.ckpt"]
    assert "best" in kept[0].aliases


def test_charts_of_wandb_are_drawn_over_updates(run):
    metrics = [item.metric for item in wandb_records(run / "run") if item.WhichOneof("record_type") == "metric"]
    steps = {item.name or item.glob_name: item.step_metric for item in metrics}
    assert steps["*"] == "update"
    best = next(item for item in metrics if item.name == "valid/accuracy")
    assert best.summary.max
    assert best.summary.last
