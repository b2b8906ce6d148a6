"""How many of the kernels that PyTorch makes for matrices of each new shape are kept, on a CPU."""

import os

KEPT = 48
VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def keep_few_kernels() -> None:
    """Bound oneDNN's cache of kernels, unless the user has set its size; call it before the first of them is made.

    Texts have many lengths, so that hardly a shape comes twice. The 1,024 kernels that oneDNN keeps otherwise, each
    with memory to work in, come to a GiB or two as a training goes on, and save no time (docs/benchmarks/soak.md).
    """
    os.environ.setdefault(VARIABLE, str(KEPT))
