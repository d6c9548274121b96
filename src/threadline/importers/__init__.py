"""Readers of real transcripts: a file in, a stream of turns out. They know nothing of journals and memories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from threadline.errors import TranscriptError
from threadline.importers import claude_code, codex, detection, files, locomo, longmemeval, messages, plain
from threadline.importers.base import Fault, Ignored, Imported, Read, Reader

__all__ = ["FORMATS", "Fault", "Ignored", "Imported", "Read", "detect", "find", "read"]

#: Name of a format -> its reader.
FORMATS: dict[str, Reader] = {
    "claude_code": claude_code.read,
    "codex": codex.read,
    "locomo": locomo.read,
    "longmemeval": longmemeval.read,
    "messages": messages.read,
    "plain": plain.read,
}

_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


def detect(path: Path) -> str:
    """Tell the format of a transcript by what it holds.

    Raises:
        TranscriptError: it is in no known format (the message lists them), is not UTF-8 or cannot be opened.
    """
    return detection.detect(path, tuple(FORMATS))


def read(path: Path, format: str | None = None) -> Iterator[Read]:  # noqa: A002 - the user's word for it
    """Read the turns of a transcript, in order, with what could not be read in between.

    The file is read as the values are taken: whoever stops at a fault has read nothing after it. An empty
    file has no turns.

    Args:
        path: the file, as it is or compressed with gzip.
        format: a name from `FORMATS`; by default it is detected.

    Raises:
        TranscriptError: the format is unknown, or the file is not UTF-8 or cannot be opened.
    """
    if format is not None and format not in FORMATS:
        raise TranscriptError(f"no format {format!r}; the formats are {', '.join(FORMATS)}.")
    if files.is_empty(path):
        return iter(())
    return FORMATS[format or detect(path)](path)


def find(paths: Iterable[Path]) -> Iterator[Path]:
    """Find transcripts: files as they are given, and in folders, at any depth, all JSON and JSONL files.

    Those of one folder come in the order of their names. Links to folders are not followed.

    Raises:
        TranscriptError: there is no such file or folder.
    """
    for path in paths:
        if not path.exists():
            raise TranscriptError("no such file or folder.", str(path))
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _walk(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(where) / name for name in sorted(names) if name.endswith(_ENDINGS))
