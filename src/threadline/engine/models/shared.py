"""Models in memory: each is loaded once for a whole process, and no package is needed before its embedder is chosen."""

from __future__ import annotations

import importlib.util
import threading
import weakref
from collections.abc import Callable, Hashable
from importlib.machinery import ModuleSpec
from typing import Any, Generic, TypeVar

from threadline.errors import EmbedderError

T = TypeVar("T")

_loading = threading.Lock()
_models: weakref.WeakValueDictionary[Hashable, Any] = weakref.WeakValueDictionary()  # goes with the last that uses it


class Shared(Generic[T]):
    """A model loaded at its first use: a host that opens a bank for each of its users loads it once.

    Args:
        key: which model it is; equal keys share one.
        load: makes it; what it makes must take weak references.
    """

    def __init__(self, key: Hashable, load: Callable[[], T]) -> None:
        self._key = key
        self._load = load
        self._model: T | None = None
        self._drops = 0

    def get(self) -> T:
        """The model; whatever `load` raises comes from here."""
        model = self._model
        if model is None:
            drops = self._drops
            with _loading:
                model = _models.get(self._key)
                if model is None:
                    model = _models[self._key] = self._load()
            if drops == self._drops:
                self._model = model
        return model

    def drop(self) -> None:
        """Let go of it; the next `get` loads it again, unless another still has it. Never waits for one under way."""
        self._drops += 1
        self._model = None


def need(package: str, extra: str) -> ModuleSpec:
    """Where a package is: that it is missing is said now, not at the first turn. Nothing is imported.

    Raises:
        EmbedderError: it is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None:
        raise EmbedderError(
            f'The embedder {extra} needs the package {package}: pip install "threadline[{extra}]", or go on with '
            'another one: embedder="minilm".'
        )
    return found


def one_line(error: BaseException) -> str:
    """An error of a library, for a message: its kind and what it says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
