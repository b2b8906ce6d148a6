"""An optimizer with stages around its update, as one optimizer."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from dougong.contracts.wrapper import PLACES, Wrapper
from dougong.optim.core import separable

_HOOKS = ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post")


class Stack(Optimizer):
    """An optimizer and its stages: `Stack(AdamW(model.parameters()), [Lazy(), Lookahead(k=5)], model)`.

    It has the optimizer's own `param_groups`, `state` and `defaults`, to which the stages add theirs; so its
    `state_dict` is flat and of PyTorch's shape, however many stages there are. The order of the stages is that of
    their places, and of their names within one, not of the list.

    Args:
        core: the optimizer that moves the weights.
        stages: each of a class of its own.
        model: what the parameters belong to, for stages that look for parts of it.

    Raises:
        ValueError: the stages and the optimizer do not go together.
    """

    # The fused kernels' own handling of scaled gradients would come after the stages have changed them.
    _step_supports_amp_scaling = False

    def __init__(self, core: Optimizer, stages: Sequence[Wrapper], model: nn.Module | None = None) -> None:
        _check(core, stages)
        self.core = core
        self.stages = sorted(stages, key=lambda stage: (PLACES.index(stage.place), type(stage).__name__))
        self._add_hooks()
        for stage in self.stages:
            stage.attach(self, model)

    def _add_hooks(self) -> None:
        """What `Optimizer.__init__` makes beside groups and state, which are the core's here."""
        for name in _HOOKS:
            setattr(self, f"_optimizer_{name}_hooks", OrderedDict())
        self._warned_capturable_if_run_uncaptured = True
        self._patch_step_function()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The core's."""
        return self.core.param_groups

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        self.core.param_groups = groups

    @property
    def state(self) -> Any:
        """The core's."""
        return self.core.state

    @state.setter
    def state(self, state: Any) -> None:
        self.core.state = state

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]
        """The core's."""
        return self.core.defaults

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update: the outermost stage begins first and ends last."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with ExitStack() as stages:
            for stage in self.stages:
                stages.enter_context(stage.around(self))
            self.core.step()
        return loss

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters to the core."""
        self.core.add_param_group(param_group)

    def train(self) -> None:
        """Put the weights in place that are trained."""
        for stage in self.stages:
            stage.train(self)
        _call(self.core, "train")

    def eval(self) -> None:
        """Put the weights in place that are to be evaluated; call `train` before the next step."""
        _call(self.core, "eval")
        for stage in self.stages:
            stage.eval(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"core": self.core, "stages": self.stages}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "core" not in state:  # from `load_state_dict`
            self.core.__setstate__(state)
            return
        self.__dict__.update(state)
        self._add_hooks()

    def __repr__(self) -> str:
        names = ", ".join(type(stage).__name__ for stage in self.stages)
        return f"{type(self).__name__}([{names}] around {self.core!r})"


def _call(core: Optimizer, method: str) -> None:
    if hasattr(core, method):
        getattr(core, method)()


def _check(core: Optimizer, stages: Sequence[Wrapper]) -> None:
    if isinstance(core, Stack):
        raise ValueError(f"{type(core).__name__}: it is a stack already; give all stages at once, in one list.")
    if not stages:
        raise ValueError("stages: there are none; use the optimizer as it is.")
    names = [type(stage).__name__ for stage in stages]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name}: a stage may be there once.")
    for stage in stages:
        if stage.needs_row_separable and (reason := separable(core)):
            raise ValueError(f"{type(stage).__name__} updates rows one by one: {reason}")
