"""What the chunks of documents are called on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: So many underscores of a bank's id are looked at where a name does not say which of them parts it.
_MOST_CUTS = 33

_ESCAPE = {"~": "~7E", "_": "~5F"}


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk: bank and document as their callers know them, and its index in the document."""

    bank: str
    document: str
    index: int


def chunk_id(bank: str, document: str, index: int) -> str:
    """What a chunk is called on the wire; no two have one name, whatever underscores are in the ids."""
    return f"{_escaped(bank)}_{_escaped(document)}_{index}"


def places(name: str) -> Iterator[Place]:
    """The chunks that a name may mean: of one that `chunk_id` made it is the first, and the others do not exist."""
    head, _, index = name.rpartition("_")
    if not (index.isascii() and index.isdigit() and len(index) < 16):
        return
    parts = head.split("_")
    if len(parts) == 2:
        yield Place(_plain(parts[0]), _plain(parts[1]), int(index))
    for cut in range(1, min(len(parts), _MOST_CUTS)):
        yield Place("_".join(parts[:cut]), "_".join(parts[cut:]), int(index))


def _escaped(name: str) -> str:
    return "".join(_ESCAPE.get(letter, letter) for letter in name)


def _plain(name: str) -> str:
    return name.replace("~5F", "_").replace("~7E", "~")
