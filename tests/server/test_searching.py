from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from tests.server.test_pages import page
from threadline.engine.models.base import Embedder
from threadline.engine.models.fake import FakeEmbedder
from threadline.server.house import House, Room
from threadline.server.searching import search
from threadline.server.store import mental_models, page_vectors

BOATS = page("Boats", "From memory (quoted, not composed):\nAlice sails.")
JAZZ = page("Jazz", "Bob likes jazz.")
PAGES = [BOATS, JAZZ]


class Topics(FakeEmbedder):
    """Knows of two topics, and which words are about them."""

    def __init__(self) -> None:
        super().__init__("topics")
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.embedded += texts
        topics = (("sail", "sea"), ("jazz", "music"))
        about = [[float(any(word in text.lower() for word in topic)) for topic in topics] for text in texts]
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        rows[:, :2] = about
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def embedder(topics: Topics) -> Callable[[], Embedder | None]:
    return lambda: topics


@pytest.fixture
def room(house: House) -> Room:
    made = house.tenant().make_room("b")
    for one in PAGES:
        mental_models.create(made.database, made.uid, one.model)
    return made


def found(room: Room, query: str) -> list[tuple[str, float]]:
    return [(one.node.name, round(score, 3)) for one, score in search(room, query, PAGES)]


def test_by_words_and_by_meaning(room: Room) -> None:
    assert found(room, "jazz") == [("Jazz", 1.0)]
    assert found(room, "music") == [("Jazz", 0.5)]
    assert found(room, "Bob") == [("Jazz", 0.5)]
    assert found(room, "Bob at sea") == [("Boats", 0.5), ("Jazz", 0.5)]
    assert found(room, "jazz at sea") == [("Jazz", 0.992), ("Boats", 0.5)]
    assert found(room, "whales") == []
    assert search(room, "jazz", []) == []


def test_vectors_are_made_once(room: Room, topics: Topics) -> None:
    first = found(room, "music")
    assert page_vectors.every(room.database, room.uid, "topics").keys() == {"mm-Boats", "mm-Jazz"}
    assert topics.embedded == ["Boats\n\nAlice sails.", "Jazz\nBob likes jazz.", "music"]
    assert found(room, "music") == first
    assert topics.embedded[3:] == ["music"]


class TestWithoutAnEmbedder:
    @pytest.fixture
    def embedder(self) -> Callable[[], Embedder | None]:
        return lambda: None

    def test_by_words_alone(self, room: Room) -> None:
        assert found(room, "jazz") == [("Jazz", 1.0)]
        assert found(room, "music") == []
