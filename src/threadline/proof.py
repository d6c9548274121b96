"""The proof of a forget: every file of the data directory is searched for what was forgotten."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_WINDOW = 24  # bytes: long enough to be somebody's words, short enough to fit what a page border cuts off
_WINDOWS_PER_TEXT = 64
_LONGEST = 128  # bytes: no needle is longer
_BLOCK = 1 << 22
_TENANTS = "tenants"  # each a data directory of somebody else's, which this one must not tell anything of
_NO_TEXT = ("-shm",)  # holds the numbers of pages and nothing of what is in them
_WORD = 10  # letters: shorter words stand in too many texts to say whose they are


@dataclass(frozen=True, slots=True)
class Trace:
    """Bytes of a forgotten text that a file still holds."""

    path: Path
    offset: int
    found: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a search of the data directory found.

    Attributes:
        texts: how many texts were looked for.
        files: how many files were searched, `bytes` in all.
        traces: what was found of them; empty when the forget is complete.
        complete: the backend has forgotten too. If not, the deadline came first: it is done at the next
            opportunity, and `traces` says what is left until then.
    """

    texts: int
    files: int
    bytes: int
    traces: tuple[Trace, ...]
    complete: bool = True


def search(home: Path, texts: Sequence[str], surviving: Iterable[str], complete: bool = True) -> Proof:
    """Search every file under `home` for pieces of the texts, but for those of a server's other tenants.

    Pieces that a surviving text has too are nobody's trace and are left out.
    """
    from ahocorasick_rs import BytesAhoCorasick

    needles = sorted({needle for text in texts for needle in _needles(text)})
    paths = sorted(path for path in _files(home) if not path.name.endswith(_NO_TEXT))
    traces: list[Trace] = []
    if needles:
        automaton = BytesAhoCorasick(needles)
        for path in paths:
            traces += [
                Trace(path, at, needles[which].decode("utf-8", "replace")) for which, at in _find(automaton, path)
            ]
    if traces:
        traces = _without_surviving(traces, surviving)
    sizes = [size for size in map(_size, paths) if size]
    return Proof(len(texts), len(sizes), sum(sizes), tuple(traces), complete)


def _files(home: Path) -> Iterator[Path]:
    for entry in home.iterdir():
        if entry.is_file():
            yield entry
        elif entry.name != _TENANTS:
            yield from (path for path in entry.rglob("*") if path.is_file())


def _size(path: Path) -> int:
    """How many bytes a file has; 0 when it is gone, as those are that an index writes and merges meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _find(automaton: object, path: Path) -> Iterator[tuple[int, int]]:
    """Where in a file which needle is; one that lies across two blocks is found in the second."""
    offset, before = 0, b""
    for block in _blocks(path):
        content = before + block
        for which, start, end in automaton.find_matches_as_indexes(content):  # type: ignore[attr-defined]
            if end > len(before):  # else it was found in the block before
                yield which, offset - len(before) + start
        offset += len(block)
        before = content[-_LONGEST:]


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file.

    Of a database they are read by SQLite itself. Where locks are POSIX locks, a process that opens a file and closes
    it loses all locks it has on it: another process would take the database for closed, and remove the WAL that
    is being written here.
    """
    import apsw

    if not _size(path):
        return
    if path.suffix != ".db":
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
        return
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY
    database = apsw.VFSFile("", str(path), [flags, 0])
    try:
        size = database.xFileSize()
        for offset in range(0, size, _BLOCK):
            yield database.xRead(min(_BLOCK, size - offset), offset)
    finally:
        database.xClose()


def _needles(text: str) -> set[bytes]:
    """Windows spread over the text, as files hold them: plain and as JSON; and its long words in lower case."""
    needles: set[bytes] = set()
    for form in (text, json.dumps(text, ensure_ascii=False)[1:-1]):
        raw = form.encode("utf-8", "replace")
        step = max(_WINDOW, len(raw) // _WINDOWS_PER_TEXT)
        starts = {*range(0, max(1, len(raw) - _WINDOW + 1), step), max(0, len(raw) - _WINDOW)}
        needles |= {window for at in starts if len(window := raw[at : at + _WINDOW]) >= min(_WINDOW, 8)}
    words = {word for word in text.split() if word.isalnum() and len(word) >= _WORD}
    return needles | {word.lower()[:_WORD].encode() for word in words}


def _without_surviving(traces: list[Trace], surviving: Iterable[str]) -> list[Trace]:
    remaining = {trace.found for trace in traces}
    for text in surviving:
        forms = (text, text.lower(), json.dumps(text, ensure_ascii=False))
        remaining = {found for found in remaining if not any(found in form for form in forms)}
    return [trace for trace in traces if trace.found in remaining]
