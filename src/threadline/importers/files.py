"""Transcript files as streams of JSON values: never the whole file in memory, every fault with its place."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal, cast

from threadline.errors import TranscriptError
from threadline.importers.base import Fault

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DEEPEST = 200
_READ_ERRORS = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Value:
    """One JSON value of a file, and where it stands."""

    place: str
    json: Any


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a transcript, plain or gzip, behind its byte-order mark.

    Raises:
        TranscriptError: it cannot be opened, or is not UTF-8.
    """
    try:
        with contextlib.ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(path.open("rb"))
            packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            if packed:
                file = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=file)))
            head = file.read(4)
            if head[:2] in _UTF16 or b"\0" in head:
                raise TranscriptError("the file is UTF-16 or UTF-32; convert it to UTF-8 first.", str(path))
            file.seek(len(_BOM) if head.startswith(_BOM) else 0)
            yield file
    except _READ_ERRORS as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TranscriptError(f"the file cannot be read ({reason}).", str(path)) from error


def is_empty(path: Path) -> bool:
    """Whether there is nothing but white space at the beginning of the file, and then its end."""
    with opened(path) as file:
        while block := file.read(65_536):
            if block.strip():
                return False
    return True


def layout(path: Path) -> Literal["array", "object", "lines"]:
    """Tell whether the file is one array, one object, or one value a line.

    The name decides only where the contents leave it open: a single object, or a broken one.
    """
    import ijson

    maybe_lines = path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    depth = values = 0
    with opened(path) as file:
        try:
            for event, _ in ijson.basic_parse(file, multiple_values=True):
                values += depth == 0
                if event == "start_array" and depth == 0:
                    return "array"
                if values > 1 or maybe_lines:
                    return "lines"
                depth += event.startswith("start_") - event.startswith("end_")
        except (ijson.JSONError, *_READ_ERRORS, ValueError):
            return "lines" if values and depth == 0 else "object"
    return "lines" if maybe_lines else "object"


def lines(path: Path) -> Iterator[Value | Fault]:
    """Read the JSON object on each line. A line that holds none is a fault, and the next one is read."""
    with opened(path) as file:
        number = 0
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _line(line, f"{path}:{number}")
        except _READ_ERRORS as error:
            yield Fault(f"{path}:{number + 1}", f"the file cannot be read any further: {error}.")


def _line(line: bytes, place: str) -> Value | Fault:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Fault(place, f"not UTF-8: {error.reason} at byte {error.start + 1}.")
    except json.JSONDecodeError as error:
        return Fault(place, f"not JSON: {error.msg} at column {error.colno}.")
    except (ValueError, RecursionError) as error:
        return Fault(place, f"JSON beyond what can be read: {error}.")
    if not isinstance(value, dict):
        return Fault(place, f"a {_name(value)} where an object was expected.")
    return Value(place, value)


def elements(path: Path, member: str | None = None) -> Iterator[Value | Fault]:
    """Read the elements of one array of a JSON file, one at a time.

    Where the file is broken, what stood before the break has been yielded, and then comes a fault.

    Args:
        member: the array is this member of the file's outer object; by default it is the file itself.
    """
    import ijson

    where = f"{path}:$.{member}" if member else f"{path}:$"
    number = 0
    with opened(path) as file:
        try:
            for element in _array(file, member):
                yield Value(f"{where}[{number}]", element)
                number += 1
        except (ijson.JSONError, *_READ_ERRORS, ValueError) as error:
            reason = _first_line(error)
            yield Fault(f"{where}[{number}]", f"broken JSON, nothing after it can be read: {reason}.")


def _array(file: IO[bytes], member: str | None) -> Iterator[Any]:
    """Build the elements of the array. ijson's own `items` takes memory by the square of the nesting."""
    import ijson

    base = 1 if member else 0
    depth = 0
    name: str | None = None
    within = False
    builder = ijson.ObjectBuilder()
    for event, value in ijson.basic_parse(file, use_float=True):
        if event == "map_key" and depth == 1:
            name = value
        opens, closes = event.startswith("start_"), event.startswith("end_")
        depth -= closes
        if within and depth == base:
            within = False
        elif within:
            builder.event(event, value)
            if depth == base + 1 and not opens:
                yield builder.value
                builder = ijson.ObjectBuilder()
        elif event == "start_array" and depth == base and name == member:
            within = True
        depth += opens
        if depth > _DEEPEST:
            raise ValueError(f"arrays or objects nested more than {_DEEPEST} deep")


def scalars(path: Path, *names: str) -> dict[str, Any]:
    """Read members of a file's outer object that are no arrays or objects, as far as the file can be read."""
    import ijson

    found: dict[str, Any] = {}
    depth = 0
    name = ""
    with opened(path) as file:
        try:
            for event, value in ijson.basic_parse(file, use_float=True):
                depth += event.startswith("start_") - event.startswith("end_")
                if event == "map_key" and depth == 1:
                    name = value
                elif depth == 1 and name in names and value is not None:
                    found[name] = value
                if len(found) == len(names):
                    break
        except (ijson.JSONError, *_READ_ERRORS, ValueError):
            return found  # whoever reads the elements meets the same fault, and says where
    return found


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return text.strip().partition("\n")[0].rstrip(".") or type(error).__name__


def modified(path: Path) -> datetime:
    """When the file was last written."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def stem(path: Path) -> str:
    """The file's name without its endings, for conversations that have no id."""
    name = path.name.removesuffix(".gz")
    return Path(name).stem or name


def _name(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
