"""What ONNX Runtime raises."""

from __future__ import annotations


def onnx_errors() -> tuple[type[Exception], ...]:
    """The errors of ONNX Runtime, which have no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as onnx

    return (
        onnx.EngineError,
        onnx.EPFail,
        onnx.Fail,
        onnx.InvalidArgument,
        onnx.InvalidGraph,
        onnx.InvalidProtobuf,
        onnx.NoModel,
        onnx.NoSuchFile,
        onnx.NotImplemented,
        onnx.RuntimeException,
    )
