from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.errors import InputError, InvalidIdError, InvalidTurnError
from threadline.session import checks


@given(st.text(st.characters(), max_size=200))
def test_clean_any_text_into_one_that_can_be_kept(text: str) -> None:
    clean = checks.clean_text(text)
    assert len(clean) == len(text)
    assert "\0" not in clean
    assert clean.encode().decode() == clean
    assert checks.clean_text(clean) == clean
    assert all(now == before or now == "\ufffd" for now, before in zip(clean, text, strict=True))


@given(st.text(st.characters(), max_size=1100))
def test_take_an_id_as_it_is_or_refuse_it(value: str) -> None:
    try:
        assert checks.check_id(value) == value
    except InvalidIdError as error:
        assert str(error).encode()
    else:
        assert value.strip()
        assert value.isprintable() or not any(c < " " for c in value)


def test_give_a_time_its_zone() -> None:
    aware = datetime(2026, 1, 2, tzinfo=UTC)
    assert checks.check_time(aware) is aware
    assert checks.check_time(None).tzinfo is not None
    naive = datetime(2026, 1, 2)
    assert checks.check_time(naive).tzinfo is not None
    assert checks.check_time(naive).replace(tzinfo=None) == naive
    for bad in ("2026-01-02", 5, datetime.min):
        with pytest.raises(InvalidTurnError):
            checks.check_time(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{1: "x"}, {"": 1}, {"a": object()}, {"a": [b"x"]}, {"a": {"b": {1, 2}}}, "text"])
def test_refuse_metadata_that_is_not_json(bad: object) -> None:
    with pytest.raises(InputError):
        checks.check_metadata(bad)  # type: ignore[arg-type]
