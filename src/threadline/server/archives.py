"""The archive that a bank travels in: a ZIP of JSON lines. docs/server.md describes it.

    manifest.json          what it is, of which bank, and how much of what
    documents.jsonl        one document a line, with its items, their entities, and what was edited of them
    bank.json              the name of the bank and what is set for it
    directives.jsonl  mental_models.jsonl  knowledge.jsonl

The documents of an archive that Hindsight wrote can be read, too.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from threadline.engine.copies import Copied
from threadline.errors import RequestError

FORMAT = "threadline-transfer"
VERSION = 1

#: So much may be in an archive, in bytes and unpacked: a few bytes can be packed so that they unpack to everything.
MOST_BYTES = 4 << 30
_MOST_LINE = 256 << 20
_HINDSIGHT_VERSION = 1
_STATES = ("valid", "invalidated")

Kind = Literal["documents", "bank"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a bank is carried.

    Attributes:
        data: documents.
        knowledge_base: mental models, folders and pages.
        bank_config: what is set for the bank, and its directives.
    """

    data: bool = True
    knowledge_base: bool = True
    bank_config: bool = True


@dataclass(slots=True)
class Manifest:
    """What an archive says of itself."""

    source_bank_id: str
    archive_type: Kind
    exported_at: str
    scope: dict[str, bool]
    counts: dict[str, int] = field(default_factory=dict)
    format: str = FORMAT
    version: int = VERSION


class Packer:
    """Writes an archive.

    Args:
        file: where it goes.
    """

    def __init__(self, file: BinaryIO, bank: str, kind: Kind, scope: Scope) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self.manifest = Manifest(bank, kind, datetime.now(UTC).isoformat(), asdict(scope))

    def one(self, name: str, value: Mapping[str, Any]) -> None:
        """Write one object as `name.json`."""
        self._zip.writestr(f"{name}.json", _dump(value))

    def many(self, name: str, values: Iterable[Mapping[str, Any]]) -> None:
        """Write objects as `name.jsonl`, one a line."""
        count = 0
        with self._zip.open(f"{name}.jsonl", "w", force_zip64=True) as lines:
            for value in values:
                lines.write(_dump(value) + b"\n")
                count += 1
        self.manifest.counts[name] = count

    def close(self) -> None:
        """Write the manifest, and what makes a ZIP of it."""
        self.one("manifest", asdict(self.manifest))
        self._zip.close()


class Archive:
    """Reads an archive.

    Raises:
        RequestError: it is none; the message says what is wrong.
    """

    def __init__(self, file: BinaryIO | Path) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, EOFError) as error:
            raise RequestError(
                f"Invalid transfer archive: the uploaded file is not a readable .zip ({error})"
            ) from error
        if sum(entry.file_size for entry in self._zip.infolist()) > MOST_BYTES:
            raise RequestError(f"Invalid transfer archive: it unpacks to more than {MOST_BYTES >> 30} GB", 413)
        if "manifest.json" not in self._zip.namelist():
            raise RequestError(
                "Invalid transfer archive: manifest.json is missing. This endpoint only accepts a .zip that an export "
                "wrote; it is not a way to upload a zip of ordinary files: use files/retain for those."
            )
        self.manifest = self.one("manifest")
        self._check_version()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def is_bank(self) -> bool:
        """Whether it is of a whole bank."""
        return self.manifest.get("archive_type") == "bank"

    @property
    def source(self) -> str:
        """The bank it is of."""
        return str(self.manifest.get("source_bank_id") or "")

    @property
    def is_foreign(self) -> bool:
        """Whether Hindsight wrote it."""
        return "format" not in self.manifest

    def one(self, name: str) -> dict[str, Any]:
        """The object in `name.json`; empty where there is none."""
        if f"{name}.json" not in self._zip.namelist():
            return {}
        return _object(self._zip.read(f"{name}.json"), name)

    def many(self, name: str) -> Iterator[dict[str, Any]]:
        """The objects in `name.jsonl`; none where there is no such file."""
        if f"{name}.jsonl" not in self._zip.namelist():
            return
        with self._zip.open(f"{name}.jsonl") as lines:
            while line := lines.readline(_MOST_LINE + 1):
                if len(line) > _MOST_LINE:
                    raise RequestError(f"Invalid transfer archive: a line of {name}.jsonl is too long")
                yield _object(line, name)

    def documents(self, make: Callable[[Mapping[str, Any]], Copied]) -> Iterator[Copied]:
        """The documents.

        Args:
            make: what makes a document of one that Hindsight wrote.
        """
        if not self.is_foreign:
            yield from (_copied(each) for each in self.many("documents"))
            return
        for name in sorted(self._zip.namelist()):
            if name.startswith("documents/") and name.endswith(".json"):
                yield make(_object(self._zip.read(name), name))

    def _check_version(self) -> None:
        version = self.manifest.get("schema_version" if self.is_foreign else "version")
        if self.is_foreign and version == _HINDSIGHT_VERSION:
            return
        if self.manifest.get("format") != FORMAT or version != VERSION:
            raise RequestError(f"Unsupported transfer archive schema version {version} (this build supports {VERSION})")


def _copied(value: Mapping[str, Any]) -> Copied:
    """A document, once it is what it should be."""
    try:
        document = Copied(str(value["id"]), list(value["items"]), list(value["edits"]))
        for item in document.items:
            _check_item(item)
        for edit in document.edits:
            _check_edit(edit, document)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RequestError(f"Invalid transfer archive: a document of documents.jsonl is not whole ({error})") from error
    return document


def _check_item(item: Mapping[str, Any]) -> None:
    datetime.fromisoformat(item["occurred_at"])
    datetime.fromisoformat(item["stored_at"])
    texts = [text for chunk in item["chunks"] for text in chunk]
    texts += [item["role"], *item["tags"], item["context"] or "", *(name for name, _ in item["entities"])]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("what should be text is none")
    _ = item["metadata"].items(), item["extra"].items()


def _check_edit(edit: Mapping[str, Any], document: Copied) -> None:
    said = edit["said"]
    _ = document.items[edit["item"]]["chunks"][edit["chunk"]][edit["position"]], edit["edited"], edit["reason"]
    datetime.fromisoformat(said["occurred_at"])
    if not isinstance(said["text"], str) or not isinstance(said["role"], str) or edit["state"] not in _STATES:
        raise TypeError("an edit says nothing")


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"Invalid transfer archive: {name} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise RequestError(f"Invalid transfer archive: {name} is not a JSON object")
    return value


def _dump(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
