"""Files that were sent, made memories of: what they say as text, retained as a document each."""

from __future__ import annotations

import codecs
import html.parser
import json
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from threadline.errors import RequestError, ThreadlineError
from threadline.server import files
from threadline.server.house import Room
from threadline.server.operations import Operation
from threadline.server.retaining import Retaining, retain
from threadline.server.workers import PASSING

#: What a request may name as the parser; it is the one there is.
PARSERS = ("markitdown",)

_BLOCK_NAMES = (
    "address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header "
    "hr li main nav ol p pre section table td th title tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_UNSEEN = frozenset(("script", "style", "template", "noscript", "head"))
_VOID = frozenset(("br", "hr"))


class _Text(html.parser.HTMLParser):
    """What a reader sees of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._unseen = 0
        self._kept = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A block begins on a line of its own."""
        del attrs
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self._parts.append("\n")
        self._kept += tag in ("pre", "title") and tag not in _VOID

    def handle_endtag(self, tag: str) -> None:
        """And ends with it."""
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        if tag in _BLOCKS:
            self._parts.append("\n")
        self._kept = max(0, self._kept - (tag in ("pre", "title")))

    def handle_data(self, data: str) -> None:
        """Text, unless nobody sees it."""
        if not self._unseen or self._kept:
            self._parts.append(data if self._kept else re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """What was read, without empty lines in rows."""
        lines = (line.rstrip() for line in "".join(self._parts).splitlines())
        return re.sub(r"\n{3,}", "\n\n", "\n".join(line.lstrip() if line.strip() else "" for line in lines)).strip()


def text_of(content: bytes, name: str, media_type: str) -> str:
    """What a file says.

    Raises:
        RequestError: it is of a kind that cannot be read, or there is nothing in it.
    """
    suffix = PurePath(name).suffix.lower()
    read = _READERS.get(suffix) or _BY_TYPE.get(media_type.partition(";")[0].strip().lower())
    if read is None:
        raise RequestError(
            f"The file {name!r} cannot be read: text, Markdown, CSV, JSON, XML and HTML can; save it as one of them "
            "and send that."
        )
    text = read(_decoded(content, name))
    if not text.strip():
        raise RequestError(f"There is no text in the file {name!r}.")
    return text


def carry(room: Room, operation: Operation) -> Mapping[str, Any]:
    """Read a file, retain what it says, and remove it."""
    asked = operation.payload or {}
    key, shown = f"operation:{operation.id}", {"document_id": asked["item"]["document"]}
    if not room.shelf.applied(key):
        try:
            row, path = files.find(room.tenant, asked["key"])
            text = text_of(path.read_bytes(), row.name, asked["media_type"])
            retained = retain(room, [Retaining.from_json({**asked["item"], "text": text})], key=key)
        except PASSING:
            raise  # it is tried again, and needs the file
        except ThreadlineError:
            files.remove(room.tenant, asked["key"])
            raise
        shown["unit_ids_count"] = retained.units
    files.remove(room.tenant, asked["key"])
    return shown


def _decoded(content: bytes, name: str) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\0" in content[:8192]:
        raise RequestError(f"The file {name!r} cannot be read: it is no text.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _plain(text: str) -> str:
    return text


def _html(text: str) -> str:
    reader = _Text()
    reader.feed(text)
    reader.close()
    return reader.text()


def _json(text: str) -> str:
    """JSON with its letters as letters; what is no JSON as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


_PLAIN = ".txt .text .md .markdown .rst .csv .tsv .jsonl .ndjson .log .xml .yaml .yml .toml .ini .srt .vtt .tex .org"
_READERS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), _html),
    ".json": _json,
    **dict.fromkeys(_PLAIN.split(), _plain),
}
_BY_TYPE: Mapping[str, Callable[[str], str]] = {
    "text/html": _html,
    "application/json": _json,
    **dict.fromkeys(("text/plain", "text/markdown", "text/csv", "application/xml", "text/xml"), _plain),
}
