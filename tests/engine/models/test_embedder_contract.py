"""The embedders whose packages the tests always have are held to the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.embeddings.http import Endpoint

from threadline.engine.models.base import Embedder
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.models.minilm import MiniLM
from threadline.engine.models.openai import open_openai
from threadline.engine.models.static import Static
from threadline.testing import EmbedderContract


class TestFake(EmbedderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        return FakeEmbedder()


class TestMiniLM(EmbedderContract):
    tolerance = 1e-6

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Iterator[Embedder]:
        embedder = MiniLM()
        yield embedder
        embedder.close()


class TestStatic(EmbedderContract):
    tolerance = 1e-6

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Iterator[Embedder]:
        embedder = Static()
        yield embedder
        embedder.close()


class TestOpenAI(EmbedderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Iterator[Embedder]:
        with Endpoint() as endpoint:
            embedder = open_openai({"model": "fake", "base_url": endpoint.url}, environ={})
            yield embedder
            embedder.close()
