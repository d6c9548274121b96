from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.errors import StorageCorruptError
from threadline.journal import rows
from threadline.turns import Message

zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))])
times = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=zones)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
messages = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["user", "assistant", "tool", "system"]),
        text=texts,
        speaker=st.none() | texts,
        occurred_at=st.none() | times,
        ref=st.none() | texts,
    ),
    max_size=5,
)


@given(messages)
def test_read_back_what_was_written(said: list[Message]) -> None:
    assert rows.load_messages(rows.dump_messages(said)) == tuple(said)


@given(messages, messages)
def test_tell_contents_apart(one: list[Message], other: list[Message]) -> None:
    first, second = rows.dump_messages(one), rows.dump_messages(other)
    assert (rows.content_hash(first) == rows.content_hash(second)) == (one == other)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '[{"role": "user"}]', '[{"role": "user", "text": "x", "at": "soon"}]']
)
def test_say_that_a_row_is_damaged(text: str) -> None:
    with pytest.raises(StorageCorruptError, match="backup"):
        rows.load_messages(text)
