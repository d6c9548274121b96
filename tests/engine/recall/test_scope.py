from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from threadline.engine.recall.scope import Visible

places = st.tuples(st.integers(1, 6), st.integers(1, 6))
visibles = st.builds(
    Visible,
    st.none() | st.dictionaries(st.integers(1, 8), st.integers(0, 7), max_size=5),
    st.frozensets(places, max_size=8),
)


def plainly_sees(visible: Visible, document: int, turn: int) -> bool:
    if (document, turn) in visible.hidden:
        return False
    return visible.last_turns is None or (document in visible.last_turns and turn <= visible.last_turns[document])


@given(visibles, st.lists(places, max_size=20))
def test_decide_about_many_as_about_each(visible: Visible, pairs: list[tuple[int, int]]) -> None:
    documents = np.array([document for document, _ in pairs], np.int64)
    turns = np.array([turn for _, turn in pairs], np.int64)
    expected = [plainly_sees(visible, document, turn) for document, turn in pairs]
    assert [visible.sees(document, turn) for document, turn in pairs] == expected
    assert visible.mask(documents, turns).tolist() == expected
