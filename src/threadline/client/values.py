"""The values of the library out of JSON: the dataclasses themselves say what is in it."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from threadline.errors import SettingsError

T = TypeVar("T")

_Reader = Callable[[Any], Any]


def read(kind: type[T], value: Any) -> T:
    """A value out of JSON. Of an object, what its dataclass does not know is left out: the server may be newer.

    Raises:
        SettingsError: it is something else.
    """
    try:
        return cast("T", _reader(cast("Hashable", kind))(value))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"The server answered something that is no {getattr(kind, '__name__', kind)} ({error}); check that the "
            "address is that of a Threadline server, and that it is not older than this client."
        ) from error


def read_all(kind: type[T], values: Any) -> list[T]:
    """A list of them.

    Raises:
        SettingsError: it is something else.
    """
    return [read(kind, value) for value in read(list, values)]


@functools.cache
def _reader(kind: Any) -> _Reader:
    """What reads values of a type: made once for each."""
    if is_dataclass(kind) and isinstance(kind, type):
        return _of_dataclass(kind)
    if kind is datetime:
        return datetime.fromisoformat
    if kind is Path:
        return Path
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _of_tuple(inner)
    if origin in (Union, types.UnionType) and len(inner) == 2 and inner[1] is types.NoneType:
        some = _reader(inner[0])
        return lambda value: None if value is None else some(value)
    if origin is Mapping and _is_tuple(inner[1]):
        each = _reader(inner[1])
        return lambda value: {name: each(one) for name, one in value.items()}
    return _of_scalar(kind)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _of_dataclass(kind: type) -> _Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}

    def one(value: Any) -> Any:
        return kind(**{name: reader(value[name]) for name, reader in readers.items() if name in value})

    return one


def _of_tuple(inner: tuple[Any, ...]) -> _Reader:
    if len(inner) == 2 and inner[1] is Ellipsis:
        each = _reader(inner[0])
        return lambda value: tuple(each(one) for one in value)
    readers = [_reader(kind) for kind in inner]
    return lambda value: tuple(reader(one) for reader, one in zip(readers, value, strict=True))


def _of_scalar(kind: Any) -> _Reader:
    """Text, numbers and switches as they are; a number with a fraction may come without one."""
    if kind is float:
        return float
    if kind in (str, int, bool, list):
        return functools.partial(_exactly, kind)
    if get_origin(kind) is Literal:
        return functools.partial(_exactly, str)
    return lambda value: value


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} was expected, not {type(value).__name__}")
    return value
