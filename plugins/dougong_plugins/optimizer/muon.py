"""Optimizer: Muon."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from dougong import register
from dougong_plugins.optimizer.kernels.stateful import evaluate


@register("optimizer", "muon")
class Muon(torch.optim.Optimizer):
    """Steps of orthogonal matrices for the matrices of the layers, AdamW for all else; both are PyTorch's.

    Muon (kellerjordan.github.io/posts/muon) makes every direction of a matrix move alike. It is meant for hidden
    matrices: embeddings, output layers, biases and the like go to AdamW. Which is which is told by the names of the
    parameters where they have some (groups with "param_names", as Dougong's have), and may be said for a group by its
    key "use_muon"; where neither is given, all that have two dimensions are hidden matrices.

    Args:
        lr: learning rate.
        matrices: patterns of the names that hidden matrices have.
        momentum: what Muon keeps of earlier gradients.
        nesterov: whether Muon looks ahead along its momentum.
        newton_schulz_steps: iterations towards an orthogonal matrix.
        scale: "adamw" makes a step as large as AdamW's, so that one learning rate serves both (arXiv 2502.16982);
            "original" is that of Muon's author, whose learning rates are about 0.02.
        weight_decay: share of a weight, times the learning rate, that is taken off at each update.
        adamw_lr: learning rate of AdamW; null for the same.
        betas: AdamW's decay of the first and second moments.
        eps: added to the root of AdamW's second moment.
        maximize: go up instead of down.
    """

    row_separable: ClassVar = False

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 5e-4,
        matrices: list[str] = ["*layers.*", "*layer.*", "*blocks.*"],  # noqa: B006
        momentum: Annotated[float, Ge(0)] = 0.95,
        nesterov: bool = True,
        newton_schulz_steps: Annotated[int, Ge(1)] = 5,
        scale: Literal["adamw", "original"] = "adamw",
        weight_decay: Annotated[float, Ge(0)] = 0.1,
        adamw_lr: Annotated[float, Gt(0)] | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: Annotated[float, Ge(0)] = 1e-8,
        maximize: bool = False,
    ) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise ValueError(f"muon needs PyTorch 2.9 or later, this is {torch.__version__}; pip install -U torch.")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum: must be >= 0 and < 1, got {momentum}.")
        self._matrices = tuple(matrices)
        self._adamw_lr = adamw_lr
        nothing = [nn.Parameter(torch.zeros(1, 1))]
        adjust = "match_rms_adamw" if scale == "adamw" else "original"
        self._parts: dict[bool, torch.optim.Optimizer] = {
            True: torch.optim.Muon(
                nothing, lr, weight_decay, momentum, nesterov, ns_steps=newton_schulz_steps, adjust_lr_fn=adjust
            ),
            False: torch.optim.AdamW(nothing, adamw_lr or lr, betas, eps, weight_decay),
        }
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "maximize": maximize})
        if all("param_names" in group for group in self.param_groups) and not self._groups(True):
            raise ValueError(f"matrices: no matrix has a name that matches {', '.join(matrices)}.")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, split into those of Muon and those of AdamW unless "use_muon" says where they go.

        Raises:
            ValueError: "use_muon" is said of what is no matrix.
        """
        if "use_muon" in param_group:
            super().add_param_group(self._complete(param_group))
            return
        listed = param_group["params"]
        listed = [listed] if isinstance(listed, Tensor) else list(listed)
        names = param_group.get("param_names", [item[0] if isinstance(item, tuple) else None for item in listed])
        for use_muon in (True, False):
            found = [
                (name, item)
                for name, item in zip(names, listed, strict=True)
                if self._is_hidden(name, item[1] if isinstance(item, tuple) else item) == use_muon
            ]
            if found:
                part = {**param_group, "params": [item for _, item in found], "use_muon": use_muon}
                if "param_names" in param_group:
                    part["param_names"] = [name for name, _ in found]
                super().add_param_group(self._complete(part))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient."""
        loss = evaluate(closure)
        rising = [
            parameter.grad
            for group in self._groups(True)
            for parameter in group["params"]
            if group["maximize"] and parameter.grad is not None
        ]
        for gradient in rising:
            gradient.neg_()  # PyTorch's Muon only goes down
        for use_muon, part in self._parts.items():
            # The very same groups and state, so that schedulers and checkpoints see one optimizer.
            part.param_groups, part.state = self._groups(use_muon), self.state
            part.step()
        for gradient in rising:
            gradient.neg_()
        return loss

    def _groups(self, use_muon: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group["use_muon"] == use_muon]

    def _is_hidden(self, name: str | None, parameter: Tensor) -> bool:
        return parameter.ndim == 2 and (name is None or any(fnmatchcase(name, pattern) for pattern in self._matrices))

    def _complete(self, group: dict[str, Any]) -> dict[str, Any]:
        """A group with all settings of its part."""
        use_muon = bool(group["use_muon"])
        tensors = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        for item in tensors:
            tensor = item[1] if isinstance(item, tuple) else item
            if use_muon and tensor.ndim != 2:
                raise ValueError(f"use_muon: takes matrices, got a parameter of shape {tuple(tensor.shape)}.")
        defaults = self._parts[use_muon].defaults
        settings = {name: value for name, value in defaults.items() if name != "maximize"}
        return {**settings, **group, "params": tensors, "use_muon": use_muon}

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_parts": self._parts,
            "_matrices": self._matrices,
            "_adamw_lr": self._adamw_lr,
        }
