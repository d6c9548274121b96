"""The options of embedders: one dataclass for each, read from the table of its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from threadline.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Of an embedder that has none."""


def load_options(kind: type[T], embedder: str, given: Mapping[str, Any]) -> T:
    """The options of an embedder, each checked.

    Args:
        kind: a dataclass whose fields are options of `PARSERS`.
        embedder: its name, for messages.
        given: what was set; None counts as not set.

    Raises:
        SettingsError: one is unknown, missing or has a bad value. The message never shows a key.
    """
    known = {field.name: field for field in fields(kind)}
    for name in given:
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "it has none"
            raise SettingsError(f"The embedder {embedder} has no option {name!r}; {there}.")
    values = {name: _convert(embedder, name, value) for name, value in given.items() if value is not None}
    for name, field in known.items():
        if name not in values and field.default is MISSING:
            raise SettingsError(
                f'The embedder {embedder} needs the option {name!r}: {name} = "..." in the table '
                f"[embedder_options.{embedder}] of config.toml, or embedder_options={{...}} in the call."
            )
    return kind(**values)


def _convert(embedder: str, name: str, value: Any) -> Any:
    try:
        return PARSERS[name](value)
    except (TypeError, ValueError) as error:
        shown = "..." if name == "api_key" else repr(value)
        # Not from the error: what is shown of it must not tell a key either.
        raise SettingsError(f"The embedder {embedder}: {name} = {shown} will not do: {error}.") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be text")
    return value.strip()


def _prefix(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it must be text")
    return value  # with its white space: "query: " ends in some


def _key(value: Any) -> str:
    text = _text(value)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("it must be one word of printable ASCII")
    return text


def _url(value: Any) -> str:
    text = _text(value).rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    if "@" in text or "?" in text:
        raise ValueError("it must hold no key; there is api_key for it")
    return text


def _count(value: Any) -> int:
    if isinstance(value, bool) or int(value) != float(value) or int(value) < 1:
        raise ValueError("it must be a whole number from 1")
    return int(value)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not 0 < float(value) < float("inf"):
        raise ValueError("it must be a number of seconds above 0")
    return float(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("it must be true or false")
    return value


#: How each option is read, whichever embedder has it: of one name there is one meaning.
PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "api_key": _key,
    "base_url": _url,
    "batch_size": _count,
    "cache_dir": _text,
    "device": _text,
    "dimensions": _count,
    "document_prefix": _prefix,
    "local_files_only": _switch,
    "max_characters": _count,
    "model": _text,
    "path": _text,
    "query_prefix": _prefix,
    "threads": _count,
    "timeout": _seconds,
}
