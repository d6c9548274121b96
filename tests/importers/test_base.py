from __future__ import annotations

from datetime import UTC, datetime, timedelta

from threadline.importers.base import Fault, Imported, Read, Said, turns
from threadline.turns import Message, Role

START = datetime(2024, 1, 1, tzinfo=UTC)


def said(role: Role, text: str, session: str = "s", minute: int | None = None, id_: str | None = None) -> Said:
    when = None if minute is None else START + timedelta(minutes=minute)
    return Said(session, Message(role, text), when, id_)


def joined(*stream: Said | Fault) -> list[Imported]:
    return [item for item in turns(stream, START) if isinstance(item, Imported)]


def texts(read: list[Imported]) -> list[list[str]]:
    return [[message.text for message in turn.messages] for turn in read]


def test_begins_a_turn_at_every_user_message() -> None:
    read = joined(
        *(said("user", "a"), said("assistant", "b"), said("tool", "c"), said("assistant", "d")),
        *(said("user", "e"), said("user", "f"), said("assistant", "g")),
    )
    assert texts(read) == [["a", "b", "c", "d"], ["e"], ["f", "g"]]


def test_makes_what_comes_before_the_user_a_turn_of_its_own() -> None:
    assert texts(joined(said("assistant", "hello"), said("user", "hi"))) == [["hello"], ["hi"]]


def test_joins_system_messages_to_the_turn_they_introduce() -> None:
    assert texts(joined(said("system", "be kind"), said("user", "hi"))) == [["be kind", "hi"]]


def test_begins_a_turn_at_every_change_of_session() -> None:
    read = joined(said("user", "a", "1"), said("assistant", "b", "2"))
    assert [(turn.session, *texts([turn])) for turn in read] == [("1", ["a"]), ("2", ["b"])]


def test_leaves_out_blank_messages_but_keeps_their_turn() -> None:
    read = joined(said("user", "a"), said("assistant", " \n"), said("user", ""), said("assistant", "b"))
    assert texts(read) == [["a"], ["b"]]


def test_takes_the_last_known_time_where_none_is_given() -> None:
    read = joined(said("user", "a"), said("user", "b", minute=5), said("user", "c"), said("user", "d", "2"))
    assert [(turn.occurred_at - START).seconds // 60 for turn in read] == [0, 5, 5, 5]


def test_gives_a_message_a_time_only_where_it_differs_from_its_turns() -> None:
    (turn,) = joined(said("user", "a", minute=1), said("tool", "b", minute=1), said("assistant", "c", minute=3))
    assert [message.occurred_at for message in turn.messages] == [None, None, START + timedelta(minutes=3)]


def test_gives_equal_texts_said_twice_two_keys() -> None:
    one, two = joined(said("user", "yes"), said("assistant", "ok"), said("user", "yes"), said("assistant", "ok"))
    assert one.host_key != two.host_key


def test_gives_the_same_keys_again_when_the_transcript_has_grown() -> None:
    stream = [said("user", "a"), said("assistant", "b"), said("user", "c")]
    before = [turn.host_key for turn in joined(*stream)]
    after = [turn.host_key for turn in joined(*stream, said("assistant", "d"), said("user", "e"))]
    assert after[:2] == before
    assert len(set(after)) == 3


def test_makes_keys_of_ids_where_there_are_any() -> None:
    (one,) = joined(said("user", "a", id_="m1"))
    _, moved = joined(said("user", "before"), said("user", "a", id_="m1"))
    (elsewhere,) = joined(said("user", "a", "other", id_="m1"))
    assert one.host_key == moved.host_key != elsewhere.host_key


def test_passes_faults_on_in_their_place() -> None:
    read: list[Read] = list(turns([said("user", "a"), Fault("f:2", "bad"), said("assistant", "b")], START))
    assert [type(item).__name__ for item in read] == ["Fault", "Imported"]
