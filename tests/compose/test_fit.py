"""What does not go together is refused before anything is built."""

import pytest

from dougong.compose.compose import compose
from dougong.errors import UserError

THEIRS = """
import torch
from dougong import register


@register("optimizer", "mine")
class Mine(torch.optim.SGD):
    "Averages."

    averages_weights = True

    def __init__(self, params, lr: float = 0.1) -> None:
        super().__init__(params, lr)
"""


@pytest.mark.parametrize("wrapper", ["lookahead", "[gradient_centralization,lookahead]"])
def test_lookahead_is_refused_around_an_optimizer_that_averages_weights(wrapper):
    with pytest.raises(UserError) as caught:
        compose([f"wrapper={wrapper}", "optimizer=schedule_free_adamw"])
    message = str(caught.value)
    assert message.startswith("wrapper=lookahead replaces weights, and optimizer=schedule_free_adamw keeps an average")
    assert "\n" not in message


@pytest.mark.parametrize("optimizer", ["adamw", "adax", "adafactor", "muon"])
def test_lookahead_goes_around_those_that_do_not(optimizer):
    assert compose(["wrapper=lookahead", f"optimizer={optimizer}"])["wrapper"]


@pytest.mark.parametrize("optimizer", ["adafactor", "lamb", "muon", "schedule_free_adamw"])
def test_lazy_is_refused_around_an_optimizer_whose_rows_depend_on_each_other(optimizer):
    with pytest.raises(UserError, match=f"^wrapper=lazy updates rows one by one, and what optimizer={optimizer} does"):
        compose(["wrapper=lazy", f"optimizer={optimizer}"])


def test_facts_of_an_optimizer_of_ones_own_count_too(tmp_path):
    (tmp_path / "mine.py").write_text(THEIRS)
    with pytest.raises(UserError, match="optimizer=mine keeps an average"):
        compose([f"plugin_path=[{tmp_path}]", "optimizer=mine", "wrapper=lookahead"])
