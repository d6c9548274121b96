"""One file into a bank: a transcript in any format of the importers, or an export."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from threadline import archive, importers
from threadline.errors import ForgottenError, InputError, TranscriptError
from threadline.importers.files import opened
from threadline.journal.archive import Entry, NoteEntry, SessionEntry, TurnEntry, host_keys
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord
from threadline.memory import Memory
from threadline.redaction import MARK, redact
from threadline.session.session import Session
from threadline.turns import Json, Message

#: The name of the export's own format.
EXPORT = "threadline"

#: How many sessions of a file are kept open at once. More only costs time, when they alternate.
_OPEN = 256


@dataclass(slots=True)
class Report:
    """What became of one file.

    Attributes:
        turns: new turns; `known` of the others were there already, `forgotten` were forgotten before.
        redactions: secrets taken out of the new ones.
        ignored: records of a type nobody here has heard of.
        unreadable: nothing of it could be read.
    """

    file: str
    format: str | None = None
    sessions: int = 0
    turns: int = 0
    known: int = 0
    forgotten: int = 0
    notes: int = 0
    redactions: int = 0
    ignored: int = 0
    faults: list[importers.Fault] = field(default_factory=list)
    unreadable: bool = False


@dataclass(slots=True)
class _Open:
    """A session while a file is read into it; no `session` if it was forgotten."""

    session: Session | None
    keys: Mapping[str, int]
    last_turn: int


class Intake:
    """Reads files into one bank.

    Args:
        stop: whether the first fault ends the import; else it is reported and skipped.
        prefix: put before the id of every session that comes from a transcript.
        tick: called for every turn.
    """

    def __init__(
        self, memory: Memory, journal: Journal, bank: BankRecord, stop: bool, prefix: str, tick: Callable[[], object]
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._bank = bank
        self._stop = stop
        self._prefix = prefix
        self._tick = tick
        self._open: dict[str, _Open] = {}

    def take(self, path: Path, format: str | None, name: str) -> Report:  # noqa: A002 - the user's word for it
        """Read a file.

        Args:
            format: a format's name; None to tell it by what the file holds.
            name: what the file is called in the report.

        Raises:
            TranscriptError: there is a fault in it, and faults end the import.
            StorageError: the bank cannot be written.
        """
        report = Report(name)
        try:
            report.format = format or _detect(path)
            if report.format == EXPORT:
                self._take_export(path, report)
            elif report.format is not None:
                self._take_transcript(path, report)
        except TranscriptError as error:
            if self._stop:
                raise
            report.unreadable = True
            report.faults.append(importers.Fault(error.place or name, str(error).removeprefix(f"{error.place}: ")))
        finally:
            self._open.clear()
        return report

    # Transcripts

    def _take_transcript(self, path: Path, report: Report) -> None:
        seen: set[str] = set()
        for item in importers.read(path, report.format):
            match item:
                case importers.Fault():
                    self._fault(report, item)
                case importers.Ignored():
                    report.ignored += 1
                case importers.Imported():
                    seen.add(item.session)
                    report.sessions = len(seen)
                    self._take_turn(item, report)
                    self._tick()

    def _take_turn(self, item: importers.Imported, report: Report) -> None:
        try:
            into = self._session(f"{self._prefix}{item.session}", item.metadata)
            if into.session is None:
                report.forgotten += 1
                return
            key, messages = _what_is_new(item, into.keys)
            if not messages:
                report.known += 1
                return
            turn = into.session.add_turn(messages=messages, occurred_at=item.occurred_at, host_key=key)
        except ForgottenError:
            report.forgotten += 1
        except InputError as error:
            place = f"{report.file}: session {item.session}, {item.occurred_at.isoformat(' ', 'seconds')}"
            self._fault(report, importers.Fault(place, str(error)))
        else:
            if turn.number <= into.last_turn:
                report.known += 1
                return
            into.last_turn = turn.number
            report.turns += 1
            report.redactions += sum(m.text.count(MARK) for m in turn.messages)
            report.redactions -= sum(m.text.count(MARK) for m in messages)

    def _session(self, name: str, metadata: Mapping[str, Json]) -> _Open:
        if name in self._open:
            return self._open[name]
        if len(self._open) >= _OPEN:
            self._open.clear()
        keys = host_keys(self._journal, self._bank, name)
        record = self._journal.find_session(self._bank, name)
        try:
            session = self._memory.session(name, metadata=self._clean(metadata) if record is None else None)
        except ForgottenError:
            session = None
        self._open[name] = _Open(session, keys, record.last_turn if record else 0)
        return self._open[name]

    def _clean(self, metadata: Mapping[str, Json]) -> Mapping[str, Json]:
        """A title is what somebody said, and may hold a secret too."""
        if not self._bank.redact:
            return metadata
        return {name: redact(value)[0] if isinstance(value, str) else value for name, value in metadata.items()}

    # Exports

    def _take_export(self, path: Path, report: Report) -> None:
        if self._prefix:
            raise TranscriptError("an export keeps the ids of its sessions; leave --session-prefix out.", report.file)
        entries = 0
        whole = False
        for place, line in _lines(path, report.file):
            try:
                if isinstance(line, importers.Fault):
                    raise TranscriptError(line.reason)
                entry = archive.parse(line)
                if isinstance(entry, archive.End):
                    whole = entry.entries == entries
                elif not isinstance(entry, archive.Header):
                    entries += 1
                    self._take_entry(entry, report)
                    self._tick()
            except InputError as error:
                entries += isinstance(error, TranscriptError)
                self._fault(report, importers.Fault(place, str(error)))
        self._journal.close_batches(self._bank)
        if not whole:
            self._fault(report, importers.Fault(report.file, "this export was cut off, or lines of it are missing."))

    def _take_entry(self, entry: Entry, report: Report) -> None:
        report.sessions += isinstance(entry, SessionEntry)
        try:
            outcome, redactions = archive.restore(
                self._journal, self._bank, entry, self._memory.settings.max_turn_megabytes
            )
        except ForgottenError:
            report.forgotten += isinstance(entry, TurnEntry | NoteEntry)
            return
        report.redactions += redactions
        added = outcome == "added"
        report.turns += added and isinstance(entry, TurnEntry)
        report.notes += added and isinstance(entry, NoteEntry)
        report.known += not added and isinstance(entry, TurnEntry)

    def _fault(self, report: Report, fault: importers.Fault) -> None:
        if self._stop:
            raise TranscriptError(
                f"{fault.reason.rstrip('.')}. What came before it is imported; mend it and import again, or skip it "
                "with --on-error skip.",
                fault.place,
            )
        report.faults.append(fault)


def _detect(path: Path) -> str | None:
    """The name of the format; None for an empty file."""
    with opened(path) as file:
        if archive.is_archive(file.readline(4096)):
            return EXPORT
    if not path.stat().st_size:
        return None
    return importers.detect(path)


def _what_is_new(item: importers.Imported, known: Mapping[str, int]) -> tuple[str, Sequence[Message]]:
    """The messages of a turn that are not there yet, and the key to keep them under.

    A conversation that was imported while its last turn was still going on has the beginning of that turn. What
    came since is a turn of its own, behind it.
    """
    key, taken = item.host_key, 0
    while key in known:
        taken += known[key]
        key = f"{item.host_key}+{taken}"
    return key, item.messages[taken:]


def _lines(path: Path, name: str) -> Iterator[tuple[str, bytes | importers.Fault]]:
    number = 0
    with opened(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{name}:{number}", line
        except (OSError, EOFError, zlib.error) as error:
            place = f"{name}:{number + 1}"
            yield place, importers.Fault(place, f"the file cannot be read any further: {error}.")
