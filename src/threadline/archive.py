"""The export file: everything a bank's journal knows, as JSON lines that can be imported again without loss.

The first line is `{"threadline": 1, "bank": ...}`, the last one `{"end": {...}}` with the number of entries, so
that a file that was cut off is known as such. Each line between them is an object with one key, which says what
the line is: `session`, `turn`, `note`, `rewind` or `forgotten`. What is unknown or empty is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from threadline.errors import NewerVersionError, TranscriptError
from threadline.journal import archive, rows
from threadline.journal.archive import (
    Entry,
    ForgottenEntry,
    NoteEntry,
    Outcome,
    RewindEntry,
    SessionEntry,
    TurnEntry,
)
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord
from threadline.redaction import redact
from threadline.session import checks
from threadline.turns import Identity, Message, Note, Turn

#: The format's version: what a newer one says is not understood by an older Threadline.
VERSION = 1

_KINDS = ("fresh", "branch", "continuation", "delegation")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: which bank it was."""

    bank: str


@dataclass(frozen=True, slots=True)
class End:
    """The last line: how many entries there are."""

    entries: int


def write(journal: Journal, bank: BankRecord) -> Generator[str, None, None]:
    """The lines of an export, each with its line end. The whole bank is not held in memory.

    What is written is the bank as it was at the first line. The iterator must be used up, or closed, on the
    thread that began it.
    """
    yield _line({"threadline": VERSION, "bank": bank.name})
    count = 0
    for count, entry in enumerate(archive.entries(journal, bank), start=1):  # noqa: B007 - it is what is counted
        yield _line(_dump(entry))
    yield _line({"end": {"entries": count}})


def is_archive(start: bytes) -> bool:
    """Whether a file that starts like this is an export."""
    return start.startswith(b'{"threadline":')


def parse(line: str | bytes) -> Header | Entry | End:
    """One line of an export.

    Raises:
        TranscriptError: it is no such line.
        NewerVersionError: a newer Threadline wrote it.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TranscriptError(f"not a line of JSON ({error})") from error
    if not isinstance(row, dict) or not row:
        raise TranscriptError("not an object with one key")
    if "threadline" in row:
        return _header(row)
    kind, content = next(iter(row.items()))
    if kind not in _READERS or len(row) != 1 or not isinstance(content, dict):
        raise TranscriptError(f"{kind!r} is not one of {', '.join(_READERS)}")
    return _READERS[kind](_Fields(kind, content))


def restore(journal: Journal, bank: BankRecord, entry: Entry, max_megabytes: float) -> tuple[Outcome, int]:
    """Put an entry into a bank, with its secrets taken out if the bank does so. Doing it again changes nothing.

    Args:
        max_megabytes: the largest turn or note that is taken.

    Returns:
        Whether it is new here, and how many secrets were taken out now.

    Raises:
        ForgottenError: what it tells was forgotten here.
        InputError: it does not fit what is here; nothing was written.
    """
    if isinstance(entry, TurnEntry):
        if archive.known_turn(journal, bank, entry):
            return "known", 0
        messages = [replace(m, text=checks.clean_text(m.text)) for m in entry.turn.messages]
        checks.check_messages(messages, max_megabytes)
        texts, found = _redact([m.text for m in messages], bank)
        cleaned = tuple(replace(m, text=text) for m, text in zip(messages, texts, strict=True))
        turn = replace(entry.turn, messages=cleaned)
        entry = TurnEntry(turn, entry.redactions + found)
    elif isinstance(entry, NoteEntry):
        text = checks.clean_text(entry.note.text)
        checks.check_size(len(text), max_megabytes)
        (text,), found = _redact([text], bank)
        entry = NoteEntry(replace(entry.note, text=text), entry.host_key, entry.redactions + found)
    else:
        found = 0
    return archive.restore(journal, bank, entry), found


def _redact(texts: list[str], bank: BankRecord) -> tuple[list[str], int]:
    if not bank.redact:
        return texts, 0
    redacted = [redact(text) for text in texts]
    return [text for text, _ in redacted], sum(count for _, count in redacted)


# Out


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def _dump(entry: Entry) -> dict[str, object]:
    match entry:
        case SessionEntry():
            return {"session": _known(_session_row(entry))}
        case TurnEntry():
            return {"turn": _known(_turn_row(entry))}
        case NoteEntry():
            return {"note": _known(_note_row(entry))}
        case RewindEntry():
            turns = [list(turn) for turn in entry.turns]
            return {"rewind": {"session": entry.session, "turns": turns, "at": entry.at}}
        case ForgottenEntry():
            row = {"session": entry.session, "number": entry.number, "key": entry.key}
            return {"forgotten": _known(row)}


def _session_row(entry: SessionEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "parent": entry.parent,
        "fork_turn": entry.fork_turn,
        "opened_at": entry.opened_at,
        "ended_at": entry.ended_at,
        "forgotten_at": entry.forgotten_at,
        "identity": rows.identity_metadata(entry.identity),
        "tags": list(entry.tags),
        "metadata": entry.metadata,
        "predecessor": entry.predecessor,
    }


def _turn_row(entry: TurnEntry) -> dict[str, object]:
    turn = entry.turn
    return {
        "session": turn.session,
        "number": turn.number,
        "host_key": turn.host_key,
        "occurred_at": turn.occurred_at.isoformat(),
        "messages": [
            _known(
                {
                    "role": message.role,
                    "text": message.text,
                    "speaker": message.speaker,
                    "occurred_at": message.occurred_at and message.occurred_at.isoformat(),
                    "ref": message.ref,
                }
            )
            for message in turn.messages
        ],
        "metadata": turn.metadata,
        "redactions": entry.redactions or None,
    }


def _note_row(entry: NoteEntry) -> dict[str, object]:
    note = entry.note
    return {
        "id": note.id,
        "session": note.session,
        "host_key": entry.host_key,
        "occurred_at": note.occurred_at.isoformat(),
        "text": note.text,
        "context": note.context,
        "tags": list(note.tags),
        "metadata": note.metadata,
        "redactions": entry.redactions or None,
    }


def _known(row: Mapping[str, object]) -> dict[str, object]:
    """What there is to say: no nulls and no empty lists. A zero and an empty text are said."""
    return {name: value for name, value in row.items() if value not in (None, [], {})}


# In


class _Fields:
    """The fields of one line, each asked for by name and checked."""

    def __init__(self, kind: str, row: Mapping[str, Any]) -> None:
        self._kind = kind
        self._row = row

    def need(self, name: str, of: type[T]) -> T:
        """A field that must be there."""
        value = self.get(name, of)
        if value is None:
            raise TranscriptError(f"{self._kind}.{name} is missing")
        return value

    def get(self, name: str, of: type[T]) -> T | None:
        """A field that may be left out."""
        value = self._row.get(name)
        if value is not None and (not isinstance(value, of) or isinstance(value, bool)):
            raise TranscriptError(f"{self._kind}.{name} is {type(value).__name__}, not {of.__name__}")
        return value

    def count(self, name: str, least: int) -> int | None:
        """A whole number."""
        value = self.get(name, int)
        if value is not None and not least <= value < 2**62:
            raise TranscriptError(f"{self._kind}.{name} = {value} is out of range")
        return value

    def number(self) -> int:
        """The number of a turn, which must be there."""
        value = self.count("number", 1)
        if value is None:
            raise TranscriptError(f"{self._kind}.number is missing")
        return value

    def id(self, name: str) -> str | None:
        """An id, as the journal takes it."""
        value = self.get(name, str)
        return None if value is None else self._checked(lambda: checks.check_id(value, f"{self._kind}.{name}"))

    def need_id(self, name: str) -> str:
        """An id that must be there."""
        self.need(name, str)
        return self.id(name) or ""

    def time(self, name: str) -> datetime | None:
        """A time."""
        text = self.get(name, str)
        return None if text is None else self._checked(lambda: datetime.fromisoformat(text))

    def need_time(self, name: str) -> datetime:
        """A time that must be there, in local time if it has no zone."""
        self.need(name, str)
        return checks.check_time(self.time(name))

    def time_text(self, name: str) -> str | None:
        """A time as it is written."""
        self.time(name)
        return self.get(name, str)

    def need_time_text(self, name: str) -> str:
        """A time that must be there, as it is written."""
        self.time(name)
        return self.need(name, str)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self.get(name, list) or []
        if not all(isinstance(value, str) for value in values):
            raise TranscriptError(f"{self._kind}.{name} is not a list of texts")
        return tuple(values)

    def parts(self, name: str) -> list[_Fields]:
        """A list of objects."""
        values = self.get(name, list) or []
        if not all(isinstance(value, dict) for value in values):
            raise TranscriptError(f"{self._kind}.{name} is not a list of objects")
        return [_Fields(f"{self._kind}.{name}[{at}]", value) for at, value in enumerate(values)]

    def _checked(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (ValueError, OverflowError) as error:
            raise TranscriptError(f"{self._kind}: {error}") from error


def _header(row: Mapping[str, Any]) -> Header:
    version = row["threadline"]
    if not isinstance(version, int) or version < 1:
        raise TranscriptError(f"it says that it is an export of version {version!r}")
    if version > VERSION:
        raise NewerVersionError(
            f"This export was written by a newer Threadline (format {version}, this one knows {VERSION}); "
            "upgrade with: pip install --upgrade threadline"
        )
    return Header(_Fields("header", row).need("bank", str))


def _session(fields: _Fields) -> SessionEntry:
    kind = fields.need("kind", str)
    parent = fields.id("parent")
    fork_turn = fields.count("fork_turn", 0)
    if kind not in _KINDS or (parent is None) != (kind == "fresh") or (fork_turn is None) == (kind == "branch"):
        raise TranscriptError(f"session: kind {kind!r}, parent {parent!r} and fork_turn {fork_turn!r} do not agree")
    identity = fields.get("identity", dict) or {}
    if not all(name in rows.IDENTITY and isinstance(value, str) for name, value in identity.items()):
        raise TranscriptError(f"session.identity may have {', '.join(rows.IDENTITY)}, all text")
    return SessionEntry(
        id=fields.need_id("id"),
        kind=kind,
        parent=parent,
        fork_turn=fork_turn,
        opened_at=fields.need_time_text("opened_at"),
        ended_at=fields.time_text("ended_at"),
        forgotten_at=fields.time_text("forgotten_at"),
        identity=Identity(**identity),
        tags=fields.texts("tags"),
        metadata=fields.get("metadata", dict) or {},
        predecessor=fields.id("predecessor"),
    )


def _turn(fields: _Fields) -> TurnEntry:
    messages = tuple(_message(part) for part in fields.parts("messages"))
    turn = Turn(
        session=fields.need_id("session"),
        number=fields.number(),
        messages=messages,
        occurred_at=fields.need_time("occurred_at"),
        host_key=fields.id("host_key"),
        metadata=fields.get("metadata", dict) or {},
    )
    return TurnEntry(turn, fields.count("redactions", 0) or 0)


def _message(fields: _Fields) -> Message:
    role: Any = fields.need("role", str)  # which roles there are is checked with the turn
    return Message(
        role=role,
        text=fields.need("text", str),
        speaker=fields.get("speaker", str),
        occurred_at=fields.time("occurred_at"),
        ref=fields.get("ref", str),
    )


def _note(fields: _Fields) -> NoteEntry:
    text = fields.need("text", str)
    note = Note(
        id=fields.need_id("id"),
        session=fields.id("session"),
        text=text,
        occurred_at=fields.need_time("occurred_at"),
        context=fields.get("context", str),
        tags=fields.texts("tags"),
        metadata=fields.get("metadata", dict) or {},
    )
    return NoteEntry(note, fields.id("host_key"), fields.count("redactions", 0) or 0)


def _rewind(fields: _Fields) -> RewindEntry:
    turns = fields.need("turns", list)
    for turn in turns:
        match turn:
            case [str(), int()]:
                continue
        raise TranscriptError("rewind.turns is not a list of [session, number]")
    return RewindEntry(
        fields.need_id("session"), tuple((name, number) for name, number in turns), fields.need_time_text("at")
    )


def _forgotten(fields: _Fields) -> ForgottenEntry:
    key = fields.get("key", str)
    session = fields.id("session")
    number = fields.count("number", 1)
    if (session is None) != (number is None) or (session is None and key is None):
        raise TranscriptError("forgotten names neither a turn nor a key")
    try:
        bytes.fromhex(key or "")
    except ValueError as error:
        raise TranscriptError("forgotten.key is not hexadecimal") from error
    return ForgottenEntry(key, session, number)


def _end(fields: _Fields) -> End:
    return End(fields.count("entries", 0) or 0)


_READERS: Mapping[str, Callable[[_Fields], Entry | End]] = {
    "session": _session,
    "turn": _turn,
    "note": _note,
    "rewind": _rewind,
    "forgotten": _forgotten,
    "end": _end,
}
