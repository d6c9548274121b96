"""The backend inside the process: each bank is a folder with an engine of its own."""

from __future__ import annotations

import hashlib
import shutil
import threading
from dataclasses import replace
from pathlib import Path

from threadline.backends.base import BankFigures, Capabilities
from threadline.database import Durability
from threadline.documents import Batch, Explained, Query, Recalled, Reflection, Removal, Wanted
from threadline.engine.bank import Bank, Reopen
from threadline.engine.explain import explain, recalled
from threadline.engine.models.base import Embedder
from threadline.engine.recall.fuse import DEFAULT, Fusions
from threadline.engine.recall.rank import Reranker
from threadline.engine.reflect.base import Reflector
from threadline.engine.reflect.extract import Extractive
from threadline.engine.store.base import Figures
from threadline.errors import StorageCorruptError
from threadline.settings import Settings

_Identity = tuple[int, int] | None

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")
_LONGEST = 160
_DIGEST = 32

# The most tokens of memories that a reflector is given, unless its answer may be longer.
_READ_TOKENS = 4096


def bank_folder(name: str) -> str:
    """The folder of a bank: its name, where that is safe.

    What is not a lower-case letter, a digit, `-`, `_` or an inner `.` is percent-encoded, so that no two
    names share a folder, also where the file system ignores case. A long name is cut and ends in its SHA-256.

    Returns:
        At most 199 ASCII characters, without separators, starting with none of `.` and `-`.
    """
    encoded = "".join(
        chr(byte) if byte in _PLAIN and not (place == 0 and byte in b".-") else f"%{byte:02x}"
        for place, byte in enumerate(name.encode("utf-8", "surrogatepass"))
    )
    if len(encoded) <= _LONGEST and not encoded.endswith("."):
        return encoded or "%"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    # A tilde is in no encoded name, so that a cut name is never another's whole one.
    return f"{encoded[:_LONGEST]}~{digest}"


class EmbeddedBackend:
    """Banks under `home/banks/`, opened when they are first used.

    Args:
        home: the data directory.
        embedder: what finds by meaning, closed with the backend; None to find by words alone.
        fusions: how the signals of a memory become one score.
        durability: see `threadline.database.Database`.
        reranker: what looks at the best once more where a query's budget is `high`, such as a cross-encoder.
        reopen: opens the embedder of older vectors by their name; they serve until new ones are made.
        reflector: what answers from what was recalled; the default quotes it, without a model.
    """

    name = "embedded"
    capabilities = Capabilities(reflects=True, explains=True)

    def __init__(
        self,
        home: Path,
        embedder: Embedder | None = None,
        fusions: Fusions = DEFAULT,
        durability: Durability = "process",
        *,
        reranker: Reranker | None = None,
        reopen: Reopen = lambda _: None,
        reflector: Reflector = Extractive(),  # noqa: B008 - immutable
    ) -> None:
        self._home = home / "banks"
        self._embedder = embedder
        self._fusions = fusions
        self._reranker = reranker
        self._reopen = reopen
        self._durability = durability
        self._reflector = reflector
        self._banks: dict[str, tuple[Bank, _Identity]] = {}
        self._lock = threading.Lock()

    def bank(self, name: str) -> Bank:
        """A bank itself, made when missing. It is the backend's to close."""
        return self._open(name)

    def banks(self) -> list[Bank]:
        """The banks that are open."""
        with self._lock:
            return [bank for bank, _ in self._banks.values()]

    def beyond(self, most: int) -> list[str]:
        """The banks that are open beyond so many, those that were not used for longest."""
        with self._lock:
            return list(self._banks)[: max(0, len(self._banks) - most)]

    def release(self, name: str) -> None:
        """Close a bank that nobody uses just now; it is opened again when it is next used."""
        with self._lock:
            bank, _ = self._banks.pop(name, (None, None))
        if bank is not None:
            bank.close()

    def retain(self, batch: Batch) -> None:
        """Store the batch and make it recallable; a key already applied changes nothing.

        Raises:
            BackendRefusedError: a passage lies before one that is already there.
            EmbedderError: the model cannot be loaded or run.
        """
        self._open(batch.bank).retain(batch)

    def retract(self, removal: Removal) -> None:
        """Take turns out of a document; no later batch brings them back. Unknown turns are no error."""
        self._open(removal.bank).retract(removal.document, removal.turns or ())

    def forget(self, removal: Removal) -> None:
        """Remove turns, or the whole document, leaving no byte of them in any file of the bank.

        Raises:
            StorageBusyError: another process is reading; nothing of them is recalled any more, but some bytes
                are still in the file: try again.
        """
        if removal.turns is not None or self._exists(removal.bank):
            self._open(removal.bank).forget(removal.document, removal.turns)

    def forget_bank(self, bank: str) -> None:
        """Remove a bank and everything in it. An unknown bank is no error.

        Its folder goes too, unless another process has the bank open: then it stays, empty.

        Raises:
            StorageBusyError: as `forget`.
        """
        if not self._exists(bank):
            return
        try:
            opened = self._open(bank)
            with self._lock:
                del self._banks[bank]
                gone = opened.remove()
        except StorageCorruptError:
            gone = True  # nothing can be read from it, and nobody can be using it
        if gone:
            with self._lock:
                self._banks.pop(bank, None)
                shutil.rmtree(self._folder(bank))

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        """Find memories, best first, within the query's scope and token budget. An unknown bank is empty.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
        return [recalled(hit) for hit in self._open(bank).recall(query)] if self._exists(bank) else []

    def reflect(self, bank: str, query: Query) -> Reflection:
        """Answer from what a recall of the query finds: with the default reflector in quotes, with sources.

        The answer's text keeps to the query's `max_tokens`. The recall behind it may read more than that, of which
        the reflector takes what is to the point.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
        read = replace(query, max_tokens=max(query.max_tokens, _READ_TOKENS))
        return self._reflector(query.text, self.recall(bank, read), query.max_tokens)

    def explain(self, bank: str, query: Query, wanted: Wanted | None = None) -> list[Explained]:
        """Why each memory was returned, and why what is wanted was not.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
        return explain(self._open(bank), query, wanted) if self._exists(bank) else []

    def upkeep(self, bank: str) -> bool:
        """Do a slice of what is done in the background; returns whether there is more to do."""
        return self._open(bank).upkeep() if self._exists(bank) else False

    def rebuild(self, bank: str) -> int:
        """Make every memory of the bank again from its documents; returns how many there are."""
        return self._open(bank).rebuild() if self._exists(bank) else 0

    def figures(self, bank: str) -> BankFigures:
        """Count what the bank holds."""
        held = self._open(bank).figures() if self._exists(bank) else Figures(0, 0, 0, 0, 0)
        return BankFigures(held.documents, held.passages, held.memories, held.vectors, held.bytes)

    def close(self) -> None:
        """Close the embedder and every bank. Calling it twice is no error; a retain under way ends with an error."""
        if self._embedder:
            self._embedder.close()
        with self._lock:
            for bank, _ in self._banks.values():
                bank.close()
            self._banks.clear()

    def _exists(self, bank: str) -> bool:
        return _identity(self._folder(bank)) is not None

    def _folder(self, bank: str) -> Path:
        return self._home / bank_folder(bank)

    def _open(self, name: str) -> Bank:
        folder = self._folder(name)
        with self._lock:
            bank, identity = self._banks.get(name, (None, None))
            if bank and identity == _identity(folder):
                self._banks[name] = self._banks.pop(name)  # the last used is the last
                return bank
            if bank:  # the folder was deleted, or replaced by a copy: what is written must go to the new one
                bank.close()
            bank = Bank(
                folder,
                self._embedder,
                self._fusions,
                self._durability,
                reranker=self._reranker,
                reopen=self._reopen,
            )
            self._banks[name] = bank, _identity(folder)
            return bank


def open_embedded(settings: Settings) -> EmbeddedBackend:
    """The embedded engine, as the settings describe it.

    Raises:
        SettingsError: there is no such embedder, or an option of it has a bad value.
        EmbedderError: a package that the embedder needs is not installed.
    """
    from threadline.engine.models.plugins import open_embedder, reopen_embedder

    embedder = open_embedder(settings.embedder, settings.embedder_options)
    return EmbeddedBackend(settings.home, embedder, durability=settings.durability, reopen=reopen_embedder)


def _identity(folder: Path) -> _Identity:
    """Which file the bank's is, or None when there is none."""
    try:
        status = (folder / "memory.db").stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
