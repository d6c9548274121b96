"""What an embedder is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Embedder(Protocol):
    """What turns texts into unit vectors. Every method may be called from any thread.

    Attributes:
        name: stored with each vector; vectors of another name are never compared with this one's.
        dimensions: the length of a vector.
    """

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts to be remembered.

        Returns:
            One row of unit length a text, shape (len(texts), dimensions).

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed a question: a unit vector of shape (dimensions,), not to be changed.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """

    def close(self) -> None:
        """Let go of the model's memory; the next use loads it again. What is under way ends with `ClosedError`."""
