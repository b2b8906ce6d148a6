"""A model as weights in safetensors, with its configuration and tokenizer."""

from pathlib import Path

from dougong.checkpoint.weights_folder import DESCRIPTION, WEIGHTS, save
from dougong.export.checkpoint import as_it_answers
from dougong.inference.model import Model


def export(model: Model, folder: Path) -> list[str]:
    """Write `model.safetensors` and what makes it a model again: `dougong.load(folder)`."""
    weights = dict(model.task.state_dict())
    description, added = as_it_answers(model)
    save(folder, weights, description)
    (folder / "README.md").write_text(README, encoding="utf-8")
    size = sum(weight.numel() for weight in {weight.data_ptr(): weight for weight in weights.values()}.values())
    return [f"{WEIGHTS} with {size:,} parameters{added}; {DESCRIPTION} says what they are the weights of"]


README = """\
# Weights of a model of Dougong's

`model.safetensors` has the weights, `dougong.json` the configuration that makes the network of them and what was learnt
of the training data, `tokenizer.json` the tokenizer.

```python
import dougong
from safetensors.torch import load_file

print(sum(weight.numel() for weight in load_file("model.safetensors").values()))
model = dougong.load(".")
print(type(model.task).__name__, model.config["encoder"]["name"])
```
"""
