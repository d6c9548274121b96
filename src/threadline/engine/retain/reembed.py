"""Another embedder: new vectors are made in the background, slice by slice, while the old ones serve."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from threadline.engine.models.base import Embedder
from threadline.engine.retain.prepare import embedded_text, embeddings

if TYPE_CHECKING:
    from threadline.engine.store.base import Store

#: How long a slice goes on beginning new memories, in seconds.
SLICE_SECONDS = 0.05

# So many memories are embedded between two looks at the clock.
_TOGETHER = 4


class Reembedding:
    """Which embedder a bank uses, and the way from one to another.

    What has been embedded is in the store: the next slice, also of another process, goes on from there.

    Args:
        store: the bank's.
        embedder: the one that is wanted; None for words alone.
        reopen: opens an embedder by the name of its vectors, or gives None.
    """

    def __init__(self, store: Store, embedder: Embedder | None, reopen: Callable[[str], Embedder | None]) -> None:
        self._store = store
        self._wanted = embedder
        self._reopen = reopen
        self._lock = threading.Lock()
        self._old: dict[str, Embedder | None] = {}
        self._reached = 0

    def serving(self) -> Embedder | None:
        """The embedder of the vectors that are searched, which are made with it until all new ones are there.

        Where it is not to be had any more, the one that is wanted: what it has not embedded yet is found by words.
        """
        if self._wanted is None:
            return None
        serving = self._store.state().serving
        if serving in ("", self._wanted.name):
            return self._wanted
        with self._lock:
            if serving not in self._old:
                self._old[serving] = self._reopen(serving)
            return self._old[serving] or self._wanted

    def go_on(self) -> bool:
        """Embed for a moment; once everything is, the new vectors serve and the old ones are deleted.

        Also what was stored without a vector while the new ones served already: by a bank of words alone, or by a
        retain that was under way with the old embedder.

        Returns:
            Whether there is more to do.

        Raises:
            EmbedderError: the model cannot be loaded or run.
            StorageError: the bank cannot be written.
        """
        if self._wanted is None:
            return False
        until = time.monotonic() + SLICE_SECONDS
        while time.monotonic() < until:
            state = self._store.state()
            waiting = self._store.unembedded(self._wanted.name, self._reached, _TOGETHER)
            if not waiting:
                self._reached = max(self._reached, state.newest)
                if state.serving != self._wanted.name:
                    self._store.serve(self._wanted.name)
                return False
            made = embeddings([embedded_text(passage, piece) for _, passage, piece in waiting], self._wanted)
            numbers = [memory for memory, _, _ in waiting]
            self._store.embed(self._wanted.name, dict(zip(numbers, made, strict=True)))
            self._reached = numbers[-1]
        return True

    def close(self) -> None:
        """Close the embedders that were opened here."""
        with self._lock:
            for embedder in self._old.values():
                if embedder is not None:
                    embedder.close()
            self._old.clear()
