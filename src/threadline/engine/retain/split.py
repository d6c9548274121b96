"""Long messages cut into pieces at the borders of paragraphs, sentences and words, in any language."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semantic_text_splitter import TextSplitter

#: The most characters of a piece.
CAPACITY = 800

# The splitter's time grows faster than its input where a text has no borders (600,000 Chinese characters
# took 31 s); cut into windows of this many characters first, the same text takes 0.3 s.
_WINDOW = 8_192


def split(text: str, capacity: int = CAPACITY) -> list[tuple[int, int]]:
    """Cut a text into pieces.

    Args:
        text: what to cut.
        capacity: the most characters of a piece.

    Returns:
        The start and end offsets (in characters) of each piece, in order and without overlap. White space
        around a piece belongs to none; a text of nothing but white space has no pieces.
    """
    if len(text) <= capacity:
        return list(_trimmed(text, 0, len(text)))
    pieces: list[tuple[int, int]] = []
    for start, end in _windows(text):
        for offset, chunk in _splitter(capacity).chunk_indices(text[start:end]):
            pieces.extend(_trimmed(text, start + offset, start + offset + len(chunk)))
    return pieces


def slices(text: str, capacity: int = CAPACITY) -> list[str]:
    """Cut a text into parts that begin where its pieces do, so that joining them gives the text again.

    Returns:
        None for a text of nothing but white space.
    """
    starts = [start for start, _ in split(text, capacity)]
    borders = [0, *starts[1:], len(text)]
    return [text[start:end] for start, end in itertools.pairwise(borders)] if starts else []


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    kept = piece.strip()
    if kept:
        start += len(piece) - len(piece.lstrip())
        yield start, start + len(kept)


def _windows(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = min(start + _WINDOW, len(text))
        if end < len(text):
            end = _border(text, start + _WINDOW // 2, end)
        yield start, end
        start = end


def _border(text: str, low: int, high: int) -> int:
    """The last end of a paragraph, line or word between two offsets, or the upper one."""
    for mark in ("\n\n", "\n", " "):
        found = text.rfind(mark, low, high)
        if found >= 0:
            return found + len(mark)
    return high


@functools.cache
def _splitter(capacity: int) -> TextSplitter:
    from semantic_text_splitter import TextSplitter

    return TextSplitter(capacity, trim=False)
