"""Which way an update of AdaX goes."""

from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dougong_plugins.optimizer.kernels.adax_update import Backend, Coefficients, Tensors, blocked, foreach, fused, loop

Name = Literal["auto", "fused", "blocked", "foreach", "loop"]
NAMES = get_args(Name)
# Less would not change a second moment of 53 bits, and more keeps beta2 = 1 - c_t below 1.
SMALLEST_SHARE = 2.0**-45
TYPES = (torch.float32, torch.float64)


def update(
    name: Name, parameters: Tensors, gradients: Tensors, averages: Tensors, squares: Tensors, k: Coefficients
) -> None:
    """One update of tensors that share their type, device and step, by the backend of that name.

    Raises:
        ValueError: `fused` is asked for, and PyTorch's kernel does not do what it should on this device.
    """
    backend = choose(name, parameters, squares)
    alike = [_alike(*tensors) for tensors in zip(parameters, gradients, averages, squares, strict=True)]
    if all(alike):
        backend(parameters, gradients, averages, squares, k)
        return
    for fits, *tensors in zip(alike, parameters, gradients, averages, squares, strict=True):
        parameter, gradient, average, square = tensors
        if fits:
            backend([parameter], [gradient], [average], [square], k)
            continue
        wide = parameter.to(square.dtype)
        loop([wide], [gradient.to(square.dtype)], [average], [square], k)
        if wide is not parameter:
            parameter.copy_(wide)


def choose(name: Name, parameters: Tensors, squares: Tensors) -> Backend:
    """The backend of that name; for `auto` the fastest that works for these tensors."""
    device, dtype = squares[0].device, squares[0].dtype
    if name in ("auto", "fused") and fused_works(device.type, dtype):
        return fused
    if name == "fused":
        raise ValueError(
            f"backend: PyTorch {torch.__version__} has no fused kernel that fits on {device.type}, take auto."
        )
    if name == "auto":
        name = "blocked" if device.type == "cpu" else "foreach"
    # A part of a distributed tensor can't be viewed as a row of elements.
    if name == "blocked" and any(type(parameter) not in (Tensor, nn.Parameter) for parameter in parameters):
        name = "foreach"
    return {"blocked": blocked, "foreach": foreach, "loop": loop}[name]


@cache
def fused_works(device: str, dtype: torch.dtype) -> bool:
    """Whether PyTorch's kernel, which is no public function, does here what the plain operations do; tried once."""
    if dtype not in TYPES:
        return False
    try:
        return all(
            _same(Coefficients(1e-3, 0.9, share, 1e-8, 0.1, decoupled, maximize), device, dtype)
            for share in (1.0, 0.1, SMALLEST_SHARE)
            for decoupled in (True, False)
            for maximize in (True, False)
        )
    except Exception:  # a kernel that is missing, takes other arguments or lacks this device may say so in any way
        return False


def _same(k: Coefficients, device: str, dtype: torch.dtype) -> bool:
    base = torch.linspace(-1.0, 1.0, 37, dtype=dtype, device=device)
    start = [base, base.roll(5), base.roll(11), base.square()]
    results = []
    for backend in (fused, loop):
        tensors = [tensor.clone() for tensor in start]
        parameter, gradient, average, square = ([tensor] for tensor in tensors)
        backend(parameter, gradient, average, square, k)
        results.append(tensors)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    return all(torch.allclose(one, other, tolerance, 1e-6 * tolerance) for one, other in zip(*results, strict=True))


def _alike(parameter: Tensor, gradient: Tensor, average: Tensor, square: Tensor) -> bool:
    """Whether the elements of four tensors lie in the same order, in one piece, in one type."""
    tensors = (gradient, average, square)
    return parameter.is_contiguous() and all(
        tensor.dtype == parameter.dtype and tensor.is_contiguous() for tensor in tensors
    )
