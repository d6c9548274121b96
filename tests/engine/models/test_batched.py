from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from threadline.engine.models.batched import Batched, unit
from threadline.errors import EmbedderError


class Stub(Batched):
    """Gives what it is told to give."""

    given: npt.NDArray[np.float32]

    def _rows(self, texts: list[str], *, query: bool) -> npt.NDArray[np.float32]:
        return self.given

    def _release(self) -> None:
        pass


def test_bring_rows_to_unit_length_and_leave_zeros() -> None:
    rows = unit(np.array([[3, 4], [0, 0], [-1e30, 0], [1e-30, 0]], np.float32))
    assert np.isfinite(rows).all()
    assert rows[:2].tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
    assert rows.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 5, 3), (2, 3), (3,)])
def test_refuse_a_model_that_gives_no_vector_for_a_text(shape: tuple[int, ...]) -> None:
    stub = Stub("stub")
    stub.given = np.ones(shape, np.float32)
    with pytest.raises(EmbedderError, match="one vector for each text is needed"):
        stub.embed(["a text"])


def test_learn_dimensions_once() -> None:
    stub = Stub("stub")
    stub.given = np.ones((1, 3), np.float32)
    assert stub.dimensions == 3
    stub.given = np.ones((1, 4), np.float32)
    with pytest.raises(EmbedderError, match="4 dimensions where 3 were expected"):
        stub.embed(["a text"])


def test_give_no_rows_for_no_texts() -> None:
    stub = Stub("stub")
    stub.given = np.ones((1, 3), np.float32)
    assert stub.embed([]).shape == (0, 3)
