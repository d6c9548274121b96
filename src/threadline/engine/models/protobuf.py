"""Protocol buffers, as far as the file format of ONNX needs them: one message taken apart, or put together."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_VARINT, _BYTES, _FLOAT = 0, 2, 5

#: What a field of a message may hold here. A `bool` is an `int`.
Value = int | float | str | bytes


def message(*fields: tuple[int, Value]) -> bytes:
    """A message of fields: the number of each and what it holds; text is written as UTF-8."""
    return b"".join(part for number, value in fields for part in _field(number, value))


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message in their order: number and value; what has a length is not copied.

    Raises:
        ValueError: there is a field of fixed width, which none of the messages read here has, or it ends too early.
    """
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        value, place = _read_varint(data, place)
        if key & 7 == _VARINT:
            yield key >> 3, value
        elif key & 7 == _BYTES and place + value <= len(data):
            yield key >> 3, data[place : place + value]
            place += value
        else:
            raise ValueError(f"a field of kind {key & 7} at byte {place}")


def _field(number: int, value: Value) -> Iterator[bytes]:
    if isinstance(value, int):
        yield _varint(number << 3 | _VARINT) + _varint(value)
    elif isinstance(value, float):
        yield _varint(number << 3 | _FLOAT) + struct.pack("<f", value)
    else:
        content = value.encode() if isinstance(value, str) else value
        yield _varint(number << 3 | _BYTES) + _varint(len(content))
        yield content


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data):
            raise ValueError("it ends in the middle of a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
