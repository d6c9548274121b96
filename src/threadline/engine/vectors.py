"""Unit vectors as bytes: a component of 1 is 127. Comparing them costs a quarter of what floats cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def quantise(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """Round unit vectors to int8; the shape stays."""
    import numpy as np

    return np.clip(np.rint(vectors * 127), -127, 127).astype(np.int8)


def cosines(query: npt.NDArray[np.int8], rows: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """The cosine of a query, shape (dimensions,), with each row, shape (rows,), by SIMD."""
    import numkong
    import numpy as np

    if not len(rows):
        return np.zeros(0)
    distances: npt.NDArray[np.float64] = np.asarray(numkong.angular(query, rows))
    return 1 - distances.reshape(-1)


def stack(vectors: Sequence[bytes], dimensions: int) -> npt.NDArray[np.int8]:
    """Stored vectors as the rows of a matrix."""
    import numpy as np

    return np.frombuffer(b"".join(vectors), np.int8).reshape(-1, dimensions)
