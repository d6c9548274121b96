"""What an embedder is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from threadline.engine.late import Encoded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Embedder(Protocol):
    """What turns texts into unit vectors. Every method may be called from any thread.

    `threadline.testing.EmbedderContract` holds one to what is said here.
    """

    @property
    def name(self) -> str:
        """Stored with each vector; vectors of another name are never compared with this one's.

        Known without loading or asking anything, and another one as soon as stored vectors would be others.
        """

    @property
    def dimensions(self) -> int:
        """The length of a vector; the model may have to be loaded or asked for it.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts to be remembered.

        Returns:
            One row of unit length a text, in their order, shape (len(texts), dimensions). A text of which the model
            knows nothing, such as an empty one, may have a row of zeros.

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


@runtime_checkable
class Encoder(Protocol):
    """An embedder that shows the tokens of a text as well, for late interaction. It is an `Embedder` besides.

    Apart from that one so that to ask whether an embedder is one touches none of its attributes.
    """

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Embed texts to be remembered; their vectors are those of `embed`.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """

    def encode_query(self, text: str) -> Encoded:
        """Embed a question; its vector is that of `embed_query`.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
