"""Text that somebody said, made so that a model takes it for text alone.

What opens a tag or a token of a chat template is written with another character, and role names and headings are
escaped, as Markdown would: it can still be read, and is no longer what it looked like. `hosts/fence.py` says why.
"""

# ruff: noqa: RUF001 - what looks like something else is what this is about

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

#: Words with which templates and transcripts begin somebody's words.
_SPEAKERS = "system|developer|assistant|user|human|tool|function|model|ai|bot|agent|ipython|instructions?"
_ROLES = rf"{_SPEAKERS}|input|output|response|observation|thought|action|prompt"
#: `<` unless what follows shows that nothing begins here: the end, a blank, a digit, an operator's second half.
_OPENING = re.compile(
    rf"""<(?=<*(?:(?![<\s\d=.,;:()'"\]+*~-]|$)|\s*/?\s*(?:memory|{_SPEAKERS}|inst|im_|\|)))""", re.IGNORECASE
)
#: `[` where a template's mark may begin, as in [INST], [/INST], [TOOL_CALLS] and [System note: ...].
_BRACKET = re.compile(
    rf"\[(?=[\s/|]*(?:inst|sys|(?:available[ _-]?)?tools?[ _-]|(?:{_SPEAKERS})(?![a-z])))", re.IGNORECASE
)
#: A role at the beginning of a line, also behind marks that Markdown would show differently.
_ROLE = re.compile(
    rf"^[\W_]*(?:(?:{_ROLES})[ \t]+)?(?:{_ROLES})(?:[ \t]*\([^()]{{0,40}}\))?[ \t*_]{{0,6}}:", re.IGNORECASE
)
#: A heading: at the beginning of a line, or anywhere before a role.
_HEADING = re.compile(rf"^[\s>*_=~-]*#+|#{{2,}}(?=\s*(?:{_ROLES})\b)", re.IGNORECASE)
_HASHES = re.compile("[#＃﹟]")
JOINERS = "\u200c\u200d"
#: They take no room in most fonts, whatever Unicode says they are.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_INDENT = 32


def harmless(text: str) -> str:
    """A text, as one line, that cannot be taken for anything but text. Doing it again changes nothing.

    Its indentation stays; line breaks and other runs of blanks become one.
    """
    visible = _visible(text)
    words = visible.split()
    line = " " * min(_INDENT, len(visible) - len(visible.lstrip())) + " ".join(words) if words else ""
    line = _rewrite(_OPENING, line, lambda _: "‹")
    line = _rewrite(_BRACKET, line, lambda _: "(")
    line = _rewrite(_HEADING, line, lambda piece: _HASHES.sub(lambda mark: f"\\{mark[0]}", piece))
    return _rewrite(_ROLE, line, lambda piece: f"{piece[:-1]}\\{piece[-1]}")


def _rewrite(pattern: re.Pattern[str], line: str, change: Callable[[str], str]) -> str:
    """Find with eyes that see what a text looks like, and change the text itself at those places."""
    seen = line if line.isascii() else "".join(map(_look, line))
    parts: list[str] = []
    position = 0
    for found in pattern.finditer(seen):
        parts += line[position : found.start()], change(line[found.start() : found.end()])
        position = found.end()
    return "".join([*parts, line[position:]])


def _look(character: str) -> str:
    """The plain character that this one looks like, such as `<` for its full-width form, or itself."""
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def _visible(text: str) -> str:
    """The text without characters that cannot be seen, but for joiners where a script or a sign needs them."""
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    for index, character in enumerate(text):
        if character.isspace():
            kept.append(" " if character != "\t" else "    ")
        elif character in JOINERS:
            if _joins(text[index - 1 : index], text[index + 1 : index + 2]):
                kept.append(character)
        elif not (_is_hidden(character) or _is_mark_on_plain(character, kept)):
            kept.append(character)
    return "".join(kept)


def _joins(before: str, after: str) -> bool:
    """Whether a joiner between these two is there for a reason: both are letters or signs, and no plain ones."""
    return all(
        each and unicodedata.category(each)[0] in "LMS" and not _look(each).isascii() and not _is_hidden(each)
        for each in (before, after)
    )


def _is_hidden(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cf", "Cc", "Cs", "Co")
        or character in _BLANK
        or 0xE0100 <= ord(character) <= 0xE01EF  # selectors that no font has: letters can be smuggled in them
    )


def _is_mark_on_plain(character: str, before: Sequence[str]) -> bool:
    """Whether it only changes the looks of a plain sign before it: `<` with a stroke is still read as `<`."""
    if unicodedata.category(character)[0] != "M":
        return False
    return not before or (_look(before[-1]).isascii() and not before[-1].isalnum())
