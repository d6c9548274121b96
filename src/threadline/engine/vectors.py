"""Unit vectors as bytes: a component of 1 is 127. Comparing them costs a quarter of what floats cost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# So many rows take 15 ms. Beyond that half of them are a second core's, if one is idle.
_WORTH_A_THREAD = 400_000


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

    found = np.zeros(len(rows), np.float32)
    length = lengths(query[np.newaxis])[0]

    def compare(part: slice) -> None:
        if len(rows[part]):
            products = np.asarray(numkong.dot(query, rows[part])).reshape(-1)
            np.divide(products, row_lengths[part] * length, out=found[part], dtype=np.float32)

    if len(rows) < _WORTH_A_THREAD:
        compare(slice(None))
        return found
    half = len(rows) // 2
    with ThreadPoolExecutor(1) as other:  # neither half holds Python's lock
        second = other.submit(compare, slice(half, None))
        compare(slice(half))
        second.result()
    return found


def stack(vectors: Sequence[bytes], dimensions: int) -> npt.NDArray[np.int8]:
    """Stored vectors as the rows of a matrix."""
    import numpy as np

    return np.frombuffer(b"".join(vectors), np.int8).reshape(-1, dimensions)
