from __future__ import annotations

from datetime import UTC, datetime

from tests.importers.conftest import Write
from threadline.importers.base import Fault, Imported
from threadline.importers.messages import read

USER = {"role": "user", "content": "hello"}
ANSWER = {"role": "assistant", "content": "hi"}


def turns(stream: object) -> list[Imported]:
    assert hasattr(stream, "__iter__")
    items = list(stream)
    assert all(isinstance(item, Imported) for item in items), items
    return items


def said(turn: Imported) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in turn.messages]


def test_reads_an_array_of_messages(write_json: Write) -> None:
    (turn,) = turns(read(write_json([USER, ANSWER], "chat.json")))
    assert (turn.session, said(turn)) == ("chat", [("user", "hello"), ("assistant", "hi")])


def test_reads_one_conversation(write_json: Write) -> None:
    whole = {"messages": [USER, ANSWER], "id": "c7", "title": "Greetings", "created_at": 1710498030}
    (turn,) = turns(read(write_json(whole)))
    assert (turn.session, turn.metadata["title"]) == ("c7", "Greetings")
    assert turn.occurred_at == datetime(2024, 3, 15, 10, 20, 30, tzinfo=UTC)


def test_reads_an_array_of_conversations(write_json: Write) -> None:
    found = turns(read(write_json([{"messages": [USER], "session_id": "x"}, {"messages": [USER, ANSWER]}])))
    assert [turn.session for turn in found] == ["x", "talk:1"]


def test_reads_messages_by_line(write_lines: Write) -> None:
    found = turns(read(write_lines(USER, ANSWER, {**USER, "created_at": "2024-03-15T10:00:00Z"})))
    assert [(turn.session, len(turn.messages)) for turn in found] == [("talk", 2), ("talk", 1)]
    assert found[1].occurred_at == datetime(2024, 3, 15, 10, tzinfo=UTC)


def test_reads_conversations_by_line(write_lines: Write) -> None:
    first, second = {"messages": [USER, ANSWER]}, {"messages": [USER], "id": "named"}
    found = turns(read(write_lines(first, second)))
    assert [turn.session for turn in found] == ["talk:0", "named"]
    (alone,) = turns(read(write_lines(first)))
    assert (alone.session, alone.host_key) == (found[0].session, found[0].host_key)


def test_reads_parts_names_calls_and_results(write_json: Write) -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    call = {"id": "1", "type": "function", "function": {"name": "ls", "arguments": '{"dir": "/"}'}}
    path = write_json(
        [
            {"role": "user", "name": "Ann", "content": parts, "id": "m1"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "bin"},
        ]
    )
    (turn,) = turns(read(path))
    assert said(turn) == [("user", "look\n[image]"), ("assistant", '[calls ls {"dir": "/"}]'), ("tool", "bin")]
    assert (turn.messages[0].speaker, turn.messages[0].ref) == ("Ann", "m1")


def test_makes_faults_of_what_is_no_message(write_json: Write) -> None:
    path = write_json([USER, 7, {"role": "narrator", "content": "x"}, {"role": "user", "content": 3}, ANSWER])
    *faults, turn = read(path)
    assert [fault.place for fault in faults if isinstance(fault, Fault)] == [f"{path}:$[{n}]" for n in (1, 2, 3)]
    assert isinstance(turn, Imported)
    assert said(turn) == [("user", "hello"), ("assistant", "hi")]


def test_says_where_in_a_conversation_a_fault_is(write_lines: Write) -> None:
    path = write_lines({"messages": [USER, {"role": "user"}, []]}, {"messages": 3})
    faults = [item for item in read(path) if isinstance(item, Fault)]
    assert [fault.place for fault in faults] == [f"{path}:1.messages[2]", f"{path}:2.messages"]


def test_imports_the_same_keys_again_from_a_grown_file(write_lines: Write) -> None:
    before = [turn.host_key for turn in turns(read(write_lines(USER, ANSWER, USER)))]
    after = [turn.host_key for turn in turns(read(write_lines(USER, ANSWER, USER, ANSWER, USER)))]
    assert after[:2] == before
    assert len(set(after)) == 3
