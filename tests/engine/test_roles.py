from __future__ import annotations

import pytest

from threadline.engine.roles import AGENT, OTHER, USER, memory_type, person, side


@pytest.mark.parametrize(
    ("role", "expected", "kind"),
    [
        ("user", USER, "world"),
        ("Human", USER, "world"),
        ("assistant", AGENT, "experience"),
        ("AGENT", AGENT, "experience"),
        ("ai", AGENT, "experience"),
        ("tool", OTHER, "world"),
        ("system", OTHER, "world"),
        ("", OTHER, "world"),
    ],
)
def test_tell_sides_and_types(role: str, expected: int, kind: str) -> None:
    assert (side(role), memory_type(role)) == (expected, kind)


@pytest.mark.parametrize(
    ("speaker", "name"),
    [("Ann", "Ann"), ("Usher", "Usher"), ("User", None), ("assistant", None), ("AI", None), (None, None)],
)
def test_take_no_role_for_a_person(speaker: str | None, name: str | None) -> None:
    assert person(speaker) == name
