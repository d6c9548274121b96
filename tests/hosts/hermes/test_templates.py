"""A bank for each of something, and never one that two users share by accident."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.errors import InvalidBankError
from threadline.hosts.hermes.templates import Choice, Origin, choose_bank, segment

HERE = Origin(profile="coder", workspace="hermes", platform="telegram", user="4711", chat="-100", session="s1")
TERMINAL = Origin(profile="coder", workspace="hermes", platform="cli", session="s1")


@pytest.mark.parametrize(
    ("template", "bank"),
    [
        ("", "mine"),
        ("  ", "mine"),
        ("hermes-{profile}", "hermes-coder"),
        ("{platform}_{user}", "telegram_4711"),
        ("{workspace}/{session}", "hermes/s1"),
        ("fixed", "fixed"),
    ],
)
def test_fill_the_template(template: str, bank: str) -> None:
    assert choose_bank(template, "mine", HERE) == Choice(bank)


def test_keep_apart_what_looks_alike_when_written_as_a_name() -> None:
    users = ["ann@home", "ann-home", "ann/home", "-ann-home", "ann--home", "Ann@home"]
    banks = {choose_bank("{user}", "mine", Origin(platform="email", user=user)).bank for user in users}
    assert len(banks) == len(users)
    assert "ann-home" in banks  # what needs no change is what the Hindsight provider calls it


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_never_make_one_bank_of_two_users(one: str, other: str) -> None:
    if one != other:
        assert segment(one) != segment(other)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{profile}-{nobody}", "there is no {nobody}"),
        ("{user", "it cannot be read"),
        ("{user!r}", "it cannot be read"),
        ("{}", "there is no {}"),
        ("{user:>300}", "it cannot be read"),
        ("x" * 300 + "{user}", "what it makes is no bank"),
    ],
)
def test_say_what_is_wrong_and_share_no_bank(template: str, reason: str) -> None:
    choice = choose_bank(template, "mine", HERE)
    assert reason in choice.problem
    assert repr(choice.bank) in choice.problem
    assert choice.bank not in ("mine", choose_bank(template, "mine", Origin(platform="telegram", user="4712")).bank)
    assert choose_bank(template, "mine", TERMINAL).bank == "mine"


def test_narrow_to_the_chat_or_session_where_the_user_is_unknown() -> None:
    def bank(**origin: str) -> str:
        choice = choose_bank("hermes-{user}", "mine", Origin(platform="telegram", **origin))
        assert "does not say what {user} is" in choice.problem
        return choice.bank

    banks = {bank(chat="1", session="a"), bank(chat="2", session="a"), bank(session="a"), bank(session="b")}
    assert len(banks) == 4
    assert "mine" not in banks
    assert bank(chat="1", session="a") == bank(chat="1", session="b")


def test_fall_back_to_the_owners_bank_on_the_owners_machine() -> None:
    choice = choose_bank("hermes-{user}", "mine", TERMINAL)
    assert choice.bank == "mine"
    assert "does not say what {user} is here" in choice.problem


def test_fall_back_to_one_bank_where_users_were_not_to_be_told_apart() -> None:
    choice = choose_bank("{workspace}", "mine", Origin(platform="telegram", user="4711"))
    assert choice.bank == "mine"
    assert choice.problem


def test_refuse_a_bank_id_that_is_none() -> None:
    with pytest.raises(InvalidBankError):
        choose_bank("", " ", TERMINAL)
