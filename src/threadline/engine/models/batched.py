"""What all embedders do alike: batches, prefixes, checks, unit length, questions remembered, an orderly end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from threadline.engine.models.questions import Questions
from threadline.errors import ClosedError, EmbedderError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_PROBE = "dimensions"


def vectors_name(embedder: str, model: str, dimensions: int | None = None, document_prefix: str = "") -> str:
    """What vectors are stored under: it changes with all that makes stored vectors others.

    The prefix of questions is not part of it, for no stored vector depends on that; nor is where a model runs.
    """
    name = f"{embedder}:{model}"
    if dimensions is not None:
        name += f"@{dimensions}"
    if document_prefix:
        name += f" {document_prefix!r}"
    return name


def unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows at unit length, shape (rows, dimensions). One of zeros stays so: it is like no other."""
    import numpy as np

    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


class Batched(ABC):
    """An `Embedder` whose model is what a subclass says in `_rows`; any thread may use it.

    Args:
        name: what its vectors are stored under.
        dimensions: the length of a vector; None: learnt from the first one.
        batch_size: how many texts `_rows` gets at most.
        query_prefix: put before a question.
        document_prefix: put before each text to be remembered.
    """

    def __init__(
        self,
        name: str,
        dimensions: int | None = None,
        *,
        batch_size: int = 1,
        query_prefix: str = "",
        document_prefix: str = "",
    ) -> None:
        self.name = name
        self._dimensions = dimensions
        self._batch_size = batch_size
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._questions: Questions[npt.NDArray[np.float32]] = Questions()
        self._closings = 0

    @property
    def dimensions(self) -> int:
        """The length of a vector. Where it is not known before, the model is asked once.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
        if self._dimensions is None:
            self.embed_query(_PROBE)
        assert self._dimensions is not None  # noqa: S101 - a row taught it
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts: one row of unit length each, in their order; what says nothing at all may be all zeros.

        Raises:
            EmbedderError: the model cannot be loaded or run, or gives what it should not.
            ClosedError: it was closed in the middle, or the interpreter is ending.
        """
        import numpy as np

        closings = self._closings
        rows = [np.zeros((0, self.dimensions), np.float32)] if not texts else []
        for start in range(0, len(texts), self._batch_size):
            self._check_open(closings)
            some = [self._document_prefix + text for text in texts[start : start + self._batch_size]]
            rows.append(self._checked(self._rows(some, query=False), len(some)))
        return np.concatenate(rows)

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed a question: a unit vector of shape (dimensions,), read-only. The last 256 are remembered.

        Raises:
            EmbedderError: the model cannot be loaded or run, or gives what it should not.
        """
        return self._questions.get(text, lambda: self._question(text))

    def close(self) -> None:
        """Let go of the model and of the questions remembered; the next use loads it again.

        What is being embedded ends with an error after the batch it is at: a long message takes minutes.
        """
        self._closings += 1
        self._questions.clear()
        self._release()

    def _check_open(self, closings: int) -> None:
        if closings != self._closings:
            raise ClosedError("The embedder was closed in the middle of a text; what it was for is tried again.")

    @abstractmethod
    def _rows(self, texts: list[str], *, query: bool) -> npt.NDArray[np.float32]:
        """A row for each text, of any length; from 1 to `batch_size` texts, with their prefix."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of the model."""

    def _question(self, text: str) -> npt.NDArray[np.float32]:
        vector: npt.NDArray[np.float32] = self._checked(self._rows([self._query_prefix + text], query=True), 1)[0]
        vector.flags.writeable = False
        return vector

    def _checked(self, rows: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
        import numpy as np

        if rows.ndim != 2 or len(rows) != count:
            raise EmbedderError(
                f"The model of {self.name} gave an array of shape {rows.shape} for {count} texts: a model that gives "
                "one vector for each text is needed here."
            )
        width = rows.shape[1]
        if width != (self._dimensions or width) or not width:
            raise EmbedderError(
                f"The model of {self.name} gives vectors of {width} dimensions where {self._dimensions} were expected; "
                "set dimensions to what it can give, or leave it out. If it is another model now, say its name."
            )
        if not np.isfinite(rows).all():
            raise EmbedderError(f"The model of {self.name} gave numbers that are none (NaN or infinite); try again.")
        self._dimensions = width
        return unit(rows)
