from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.importers.times import parse_time


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2024-03-15T10:20:30Z", "2024-03-15T10:20:30+00:00"),
        ("2024-03-15T10:20:30.123+02:00", "2024-03-15T10:20:30.123000+02:00"),
        ("2024-03-15 10:20", "2024-03-15T10:20:00+00:00"),
        ("2024-03-15", "2024-03-15T00:00:00+00:00"),
        ("1:56 pm on 8 May, 2023", "2023-05-08T13:56:00+00:00"),
        ("12:05 am on 8 May, 2023", "2023-05-08T00:05:00+00:00"),
        ("12:05 pm on 1 September, 2023", "2023-09-01T12:05:00+00:00"),
        ("2023/05/30 (Tue) 23:40", "2023-05-30T23:40:00+00:00"),
        ("March-15-2024", "2024-03-15T00:00:00+00:00"),
        ("March 15th, 2024 9:05", "2024-03-15T09:05:00+00:00"),
        ("2025-12-15 (Monday)", "2025-12-15T00:00:00+00:00"),
        ("Fri, 15 Mar 2024 10:20:30", "2024-03-15T10:20:30+00:00"),
        (1710498030, "2024-03-15T10:20:30+00:00"),
        (1710498030.5, "2024-03-15T10:20:30.500000+00:00"),
        (1710498030000, "2024-03-15T10:20:30+00:00"),
        ("1710498030", "2024-03-15T10:20:30+00:00"),
    ],
)
def test_reads_times(value: object, iso: str) -> None:
    assert parse_time(value) == datetime.fromisoformat(iso)


@pytest.mark.parametrize(
    "value", [None, "", "soon", True, -1, 0, [], {}, "31 June, 2023", "Foo 3, 2024", 1e30, "9" * 80]
)
def test_finds_no_time_where_there_is_none(value: object) -> None:
    assert parse_time(value) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.from_regex(r"[A-Za-z0-9 ,:/()-]{1,30}")))
def test_always_answers_with_a_zone_or_with_none(value: object) -> None:
    found = parse_time(value)
    assert found is None or found.tzinfo is not None


@given(st.datetimes(min_value=datetime(2001, 9, 10), timezones=st.just(UTC)))
def test_reads_what_it_would_write(when: datetime) -> None:
    assert parse_time(when.isoformat()) == when
