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


def lengths(rows: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """The length of each row, shape (rows,); 1 for one of zeros, so that it can be divided by."""
    import numpy as np

    whole = rows.astype(np.float32)
    found = np.sqrt(np.einsum("ij,ij->i", whole, whole))
    return np.asarray(np.where(found > 0, found, 1), np.float32)


def cosines(
    query: npt.NDArray[np.int8], rows: npt.NDArray[np.int8], row_lengths: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The cosine of a query, shape (dimensions,), with each row, shape (rows,), by SIMD.

    The lengths of the rows are given because to compute them costs as much as all the rest.
    """
    import numkong
    import numpy as np

    if not len(rows):
        return np.zeros(0, np.float32)
    products = np.asarray(numkong.dot(query, rows)).reshape(-1)
    return np.asarray(np.divide(products, row_lengths * lengths(query[np.newaxis])[0], dtype=np.float32))


def stack(vectors: Sequence[bytes], dimensions: int) -> npt.NDArray[np.int8]:
    """Stored vectors as the rows of a matrix."""
    import numpy as np

    return np.frombuffer(b"".join(vectors), np.int8).reshape(-1, dimensions)
