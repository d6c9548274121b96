"""What a host may hand in: ids, texts, times. Bad input is refused here, before anything is written."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import get_args

from threadline.errors import InputError, InvalidBankError, InvalidIdError, InvalidTurnError
from threadline.turns import Json, Message, Role

LONGEST_ID = 1024
LONGEST_BANK = 256

_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_ROLES = get_args(Role)


def check_id(value: object, what: str = "session id") -> str:
    """An id as the host gives it: any printable text up to 1,024 characters, slashes and dots included.

    Raises:
        InvalidIdError: it is anything else.
    """
    if not isinstance(value, str):
        raise InvalidIdError(f"A {what} must be text, not {type(value).__name__}.")
    if not value.strip():
        raise InvalidIdError(f"A {what} must not be empty.")
    if len(value) > LONGEST_ID:
        raise InvalidIdError(f"A {what} may have {LONGEST_ID} characters; this one has {len(value)}.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise InvalidIdError(f"The {what} {value[:80]!r} contains control characters or broken Unicode.")
    return value


def check_tags(values: Sequence[str]) -> tuple[str, ...]:
    """Tags, each as an id.

    Raises:
        InvalidIdError: one cannot be used, or it is a single text, which would be a tag for each of its letters.
    """
    if isinstance(values, str):
        raise InvalidIdError(f"Tags must be a list, such as [{values!r}], not text.")
    return tuple(check_id(value, "tag") for value in values)


def check_bank(value: object) -> str:
    """The name of a bank: as an id, up to 256 characters.

    Raises:
        InvalidBankError: it is anything else.
    """
    try:
        name = check_id(value, "bank name")
    except InvalidIdError as error:
        raise InvalidBankError(str(error)) from error
    if len(name) > LONGEST_BANK:
        raise InvalidBankError(f"A bank name may have {LONGEST_BANK} characters; this one has {len(name)}.")
    return name


def clean_text(value: object, what: str = "message") -> str:
    """The text without what no storage keeps faithfully: lone surrogates and NUL become U+FFFD.

    Raises:
        InvalidTurnError: it is not text.
    """
    if not isinstance(value, str):
        raise InvalidTurnError(f"A {what} must be text, not {type(value).__name__}; decode or dump it first.")
    if "\0" in value:
        value = value.replace("\0", _REPLACEMENT)
    try:
        value.encode()
    except UnicodeEncodeError:
        value = _SURROGATES.sub(_REPLACEMENT, value)
    return value


def is_count(value: object) -> bool:
    """Whether it is a whole number from 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def check_messages(messages: Sequence[Message], max_megabytes: float) -> None:
    """Refuse a turn with nothing in it, or larger than the limit.

    Raises:
        InvalidTurnError: one of these, or a role that is none.
    """
    if not any(message.text.strip() for message in messages):
        raise InvalidTurnError("A turn must have some text in it; this one is empty.")
    for message in messages:
        if message.role not in _ROLES:
            raise InvalidTurnError(f"A message's role is one of {', '.join(_ROLES)}, not {message.role!r}.")
    check_size(sum(len(message.text) for message in messages), max_megabytes)


def check_metadata(metadata: Mapping[str, Json] | None) -> Mapping[str, Json]:
    """Metadata that can be kept as JSON, with clean texts.

    Raises:
        InputError: it cannot.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise InputError(f"Metadata must be a mapping, not {type(metadata).__name__}.")
    try:
        return {check_id(name, "metadata key"): map_texts(value, clean_text) for name, value in metadata.items()}
    except TypeError as error:
        raise InputError(f"Metadata must be JSON: {error}.") from error


def map_texts(value: Json, change: Callable[[str], str]) -> Json:
    """The same JSON with every text in it changed.

    Raises:
        TypeError: it is not JSON.
    """
    match value:
        case str():
            return change(value)
        case list() | tuple():
            return [map_texts(item, change) for item in value]
        case dict():
            return {str(name): map_texts(item, change) for name, item in value.items()}
        case float() if not math.isfinite(value):
            raise TypeError(f"{value} is none")
        case None | bool() | int() | float():
            return value
        case _:
            raise TypeError(f"{type(value).__name__} is none")


def check_size(characters: int, max_megabytes: float) -> None:
    """Refuse what is larger than the limit.

    Raises:
        InvalidTurnError: it is.
    """
    if characters > max_megabytes * 1_000_000:
        raise InvalidTurnError(
            f"It has {characters / 1e6:.1f} million characters, more than max_turn_megabytes = {max_megabytes:g} "
            "allows; shorten it, or raise the setting."
        )


def check_time(value: datetime | None) -> datetime:
    """The time with its zone; now when there is none. A time without a zone is local time.

    Raises:
        InvalidTurnError: it is not a time.
    """
    if value is None:
        return datetime.now(UTC).astimezone()
    if not isinstance(value, datetime):
        raise InvalidTurnError(f"A time must be a datetime, not {type(value).__name__}.")
    try:
        return value if value.tzinfo else value.astimezone()
    except (OverflowError, ValueError, OSError) as error:
        raise InvalidTurnError(f"The time {value!r} is out of range.") from error
