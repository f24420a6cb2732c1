"""A tiny TFLite model, made without TensorFlow: its embedding is the mean colours of a picture's quarters."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

SIDE = 32


def write_embedding_model(
    path: Path,
    *,
    side: int = SIDE,
    output: list[int] | None = None,
    quantised: bool = False,
    zero: bool = False,
) -> Path:
    """Average pooling to 2 x 2 pixels of 3 channels, and a reshape to ``output``, [1, 12] by default.
    ``quantised``: int8 in and out. ``zero``: each picture has the same vector, because all is multiplied by 0
    and then 1 is added."""
    half = side // 2
    pooled, flat = [1, 2, 2, 3], output or [1, 12]
    tensors = [_tensor("picture", [1, side, side, 3], 0, quantised), _tensor("pooled", pooled, 0, quantised)]
    operators = [_operator(0, [0], [1], schema.BuiltinOptions.Pool2DOptions, _pool(half))]
    codes = [schema.BuiltinOperator.AVERAGE_POOL_2D, schema.BuiltinOperator.RESHAPE]
    buffers = [_buffer(b"")]
    if zero:
        codes += [schema.BuiltinOperator.MUL, schema.BuiltinOperator.ADD]
        buffers += [_buffer(np.zeros(1, np.float32).tobytes()), _buffer(np.ones(1, np.float32).tobytes())]
        tensors += [_tensor("nought", [1], 1, False), _tensor("one", [1], 2, False)]
        tensors += [_tensor("scaled", pooled, 0, False), _tensor("shifted", pooled, 0, False)]
        operators.append(_operator(2, [1, 2], [4], schema.BuiltinOptions.MulOptions, schema.MulOptionsT()))
        operators.append(_operator(3, [4, 3], [5], schema.BuiltinOptions.AddOptions, schema.AddOptionsT()))
    last, embedding = len(tensors) - 1, len(tensors)
    tensors.append(_tensor("embedding", flat, 0, quantised))
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = flat
    operators.append(_operator(1, [last], [embedding], schema.BuiltinOptions.ReshapeOptions, reshape))
    assert math.prod(flat) == math.prod(pooled)
    path.write_bytes(_packed(tensors, operators, codes, buffers, embedding))
    return path


def _packed(
    tensors: list[Any], operators: list[Any], codes: list[int], buffers: list[Any], output: int
) -> bytes:
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = tensors, operators
    graph.inputs, graph.outputs = [0], [output]
    model = schema.ModelT()
    model.version, model.subgraphs, model.buffers = 3, [graph], buffers
    model.operatorCodes = []
    for code in codes:
        made = schema.OperatorCodeT()
        made.builtinCode = made.deprecatedBuiltinCode = code
        made.version = 1
        model.operatorCodes.append(made)
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output()) + bytes(1024)  # the agent refuses files below 1 kB


def _tensor(name: str, shape: list[int], buffer: int, quantised: bool) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, shape, buffer
    tensor.type = schema.TensorType.INT8 if quantised else schema.TensorType.FLOAT32
    if quantised:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [1 / 100], [20]
    return tensor


def _buffer(content: bytes) -> Any:
    buffer = schema.BufferT()
    buffer.data = list(content) if content else None
    return buffer


def _pool(half: int) -> Any:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = options.filterWidth = options.filterHeight = half
    return options


def _operator(code: int, inputs: list[int], outputs: list[int], kind: int, options: Any) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator
