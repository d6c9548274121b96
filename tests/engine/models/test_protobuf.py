from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.engine.models.protobuf import fields, message

_NUMBERS = st.integers(1, 2**20)


@given(st.lists(st.tuples(_NUMBERS, st.one_of(st.integers(0, 2**63 - 1), st.binary(max_size=300)))))
def test_read_what_was_written(written: list[tuple[int, int | bytes]]) -> None:
    read = [(number, bytes(value) if isinstance(value, memoryview) else value) for number, value in _read(written)]
    assert read == written


def _read(written: list[tuple[int, int | bytes]]) -> list[tuple[int, int | memoryview]]:
    return list(fields(memoryview(message(*written))))


def test_write_as_the_format_says() -> None:
    # The first two are the examples of Google's own page on the encoding.
    assert message((1, 150)) == b"\x08\x96\x01"
    assert message((2, "testing")) == b"\x12\x07testing"
    assert message((2, 0.5)) == b"\x15" + struct.pack("<f", 0.5)


@pytest.mark.parametrize("broken", [b"\x12\x07test", b"\x08\x96", b"\x15\x00\x00\x00\x3f", b"\x08"])
def test_refuse_what_ends_too_early_or_is_of_another_kind(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"field of kind|in the middle"):
        list(fields(memoryview(broken)))
