"""An embedder without a model, for tests: texts are alike as far as they share words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class FakeEmbedder:
    """Each word is a direction chosen by its hash (Weinberger and others, 2009). Needs no loading.

    Args:
        name: what its vectors are stored under.
    """

    dimensions = 64

    def __init__(self, name: str = "fake") -> None:
        self.name = name

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts: one row of unit length each."""
        import numpy as np

        rows = np.full((len(texts), self.dimensions), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                digest = hashlib.blake2b(word.encode(), digest_size=2).digest()
                row[digest[0] % self.dimensions] += 1 if digest[1] % 2 else -1
        vectors: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed a question."""
        vector: npt.NDArray[np.float32] = self.embed([text])[0]
        return vector

    def close(self) -> None:
        """Do nothing: there is no model."""
