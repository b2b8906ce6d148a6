"""Weights in 8 bits."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dougong.export.network import quiet

if TYPE_CHECKING:
    import onnx

PRODUCTS = ["MatMul", "Gemm", "Gather"]
"""Products with weights, and tables. Convolutions are left out: ONNX Runtime's in 8 bits are slower than in 32."""


def quantized(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model with the weights of products and tables in int8, a scale for each column; what they are multiplied with
    is brought to 8 bits as it comes ("dynamic" quantisation)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory(prefix="dougong-") as folder, quiet():
        target = Path(folder) / "int8.onnx"
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=PRODUCTS,
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
        return onnx.load(target)
