"""ONNX files, as far as they are needed here: the weights in one, and a graph written anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from threadline.engine.models.protobuf import Value, fields, message

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

# The numbers that ONNX gives to types, to kinds of attributes, and to the fields of its messages.
FLOAT, _UINT8, _INT8, _INT64 = 1, 2, 3, 7
_FLOAT_ATTRIBUTE, _INT_ATTRIBUTE = 1, 2
_GRAPH = 7
_NODE, _CONSTANT, _ASKED, _GIVEN = 1, 5, 11, 12
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
_SHAPE, _TYPE, _NAME, _CONTENT = 1, 2, 8, 9

# The versions that a graph is written in: ONNX Runtime has read them since 1.18.
_FILE_VERSION, _OPERATORS_VERSION, _OWN_VERSION = 10, 17, 1

#: The operators of ONNX Runtime itself.
RUNTIME = "com.microsoft"


class Graph:
    """A graph that is being written, operator by operator."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def constant(self, array: Array) -> str:
        """Add a constant of float32, uint8, int8 or int64; returns its name."""
        kind = {"float32": FLOAT, "uint8": _UINT8, "int8": _INT8, "int64": _INT64}[array.dtype.name]
        name = f"constant {len(self._constants)}"
        shape = [(_SHAPE, length) for length in array.shape]
        self._constants.append(message(*shape, (_TYPE, kind), (_NAME, name), (_CONTENT, array.tobytes())))
        return name

    def add(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: float) -> list[str]:
        """Add an operator; returns the names of what it gives."""
        given = [f"{operator} {len(self._nodes)}.{place}" for place in range(outputs)]
        self._node(operator, inputs, given, domain, attributes)
        return given

    def write(self, asked: str, last: str, given: str) -> bytes:
        """The file.

        Args:
            asked: the name of what it is given: int64, shape (texts, tokens).
            last: the name of what was made last, float32 of three dimensions.
            given: the name under which it gives that.
        """
        self._node("Identity", [last], [given], "", {})
        graph = message(
            *((_NODE, node) for node in self._nodes),
            (2, "graph"),
            *((_CONSTANT, constant) for constant in self._constants),
            (_ASKED, _described(asked, _INT64, "texts", "tokens")),
            (_GIVEN, _described(given, FLOAT, "texts", "tokens", "dimensions")),
        )
        versions = [message((1, ""), (2, _OPERATORS_VERSION)), message((1, RUNTIME), (2, _OWN_VERSION))]
        return message((1, _FILE_VERSION), *((8, version) for version in versions), (_GRAPH, graph))

    def _node(
        self, operator: str, inputs: Sequence[str], given: Sequence[str], domain: str, attributes: Mapping[str, float]
    ) -> None:
        ends = [*((_INPUT, each) for each in inputs), *((_OUTPUT, each) for each in given)]
        said = [(_ATTRIBUTE, _attribute(name, value)) for name, value in attributes.items()]
        self._nodes.append(message(*ends, (_OPERATOR, operator), *said, (_DOMAIN, domain)))


def read_weights(file: memoryview) -> tuple[dict[str, Array], list[str]]:
    """The constants of an ONNX file by their names, and the names of what its matrix products multiply by, in order.

    Raises:
        ValueError: it is not written as such a file is.
    """
    constants: dict[str, Array] = {}
    factors: list[str] = []
    (graph,) = (part for number, part in fields(file) if number == _GRAPH and isinstance(part, memoryview))
    for number, part in fields(graph):
        if number == _CONSTANT and isinstance(part, memoryview):
            constants.update(_constant(part))
        elif number == _NODE and isinstance(part, memoryview):
            factors.extend(_factor(part))
    return constants, factors


def _constant(tensor: memoryview) -> Iterator[tuple[str, Array]]:
    import numpy as np

    held = list(fields(tensor))
    values: dict[int, Any] = dict(held)
    kind = {FLOAT: np.float32, _INT8: np.int8}.get(values[_TYPE])
    if kind is not None and _CONTENT in values:
        shape = [int(length) for number, length in held if number == _SHAPE]
        yield bytes(values[_NAME]).decode(), np.frombuffer(values[_CONTENT], kind).reshape(shape)


def _factor(node: memoryview) -> Iterator[str]:
    held = [(number, bytes(value)) for number, value in fields(node) if number in (_INPUT, _OPERATOR)]
    inputs = [value.decode() for number, value in held if number == _INPUT]
    if (_OPERATOR, b"MatMul") in held:
        yield inputs[1]


def _attribute(name: str, value: float) -> bytes:
    number, kind = (3, _INT_ATTRIBUTE) if isinstance(value, int) else (2, _FLOAT_ATTRIBUTE)
    written: list[tuple[int, Value]] = [(1, name), (number, value), (20, kind)]
    return message(*written)


def _described(name: str, kind: int, *dimensions: str) -> bytes:
    shape = message(*((1, message((2, each))) for each in dimensions))
    return message((1, name), (2, message((1, message((1, kind), (2, shape))))))
