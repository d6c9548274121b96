from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from threadline.cli import output


class Narrow(io.RawIOBase):
    """A stream that takes seven bytes at a time."""

    def __init__(self) -> None:
        self.taken = b""

    def write(self, content: object) -> int:
        piece = bytes(memoryview(content)[:7])  # type: ignore[arg-type]  # what is written are bytes
        self.taken += piece
        return len(piece)


def test_everything_is_written_to_a_stream_that_takes_a_part() -> None:
    stream = Narrow()
    output.write_all(stream, b"0123456789" * 10)  # type: ignore[arg-type]  # raw, as stdout without a buffer is
    assert stream.taken == b"0123456789" * 10


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain — naïve 🍵\nnext", "plain — naïve 🍵\nnext"),
        ("a\tb", "a    b"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("\x9b2J\r\x07\x7f", "\ufffd2J\ufffd\ufffd\ufffd"),
    ],
)
def test_nothing_a_terminal_obeys_is_printed(text: str, shown: str) -> None:
    assert output.printable(text) == shown


def test_numbers_and_times_for_people() -> None:
    assert output.count(1, "memory", "memories") == "1 memory"
    assert output.count(1200, "memory", "memories") == "1,200 memories"
    assert output.moment(None) == "never"
    assert output.moment(datetime(2026, 5, 3, 14, 2, 9, tzinfo=UTC)) == "2026-05-03 14:02"
    assert output.moment(datetime.min.replace(tzinfo=UTC)) == "0001-01-01 00:00"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (200, "3 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
        (400_000, "4 days"),
    ],
)
def test_how_long_ago_for_people(seconds: int, shown: str) -> None:
    then = datetime(2026, 5, 3, 14, 2, tzinfo=UTC)
    assert output.age(then, then + timedelta(seconds=seconds)) == shown
    assert output.age(datetime.now(UTC) - timedelta(days=3, minutes=1)) == "3 days"


def test_a_line_of_json_lines_is_one_line() -> None:
    assert output.json_line({"at": datetime(2026, 5, 3, tzinfo=UTC), "text": "a\nb ü"}) == (
        '{"at":"2026-05-03T00:00:00+00:00","text":"a\\nb ü"}\n'
    )


def test_a_long_text_is_cut_to_one_line() -> None:
    assert output.first_line("two\nlines") == "two lines"
    assert output.first_line("x" * 100, 10) == "x" * 9 + "…"


def test_what_has_no_form_in_json_is_a_bug() -> None:
    with pytest.raises(TypeError):
        output.say_json({1, 2})
