"""The embedded engine keeps the contract, with and without a model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline.backends.embedded import EmbeddedBackend
from threadline.engine.models.fake import FakeEmbedder
from threadline.testing import BackendContract


@pytest.mark.parametrize("embedder", [None, FakeEmbedder()], ids=["words", "words and meaning"])
class TestEmbedded(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path, embedder: FakeEmbedder | None) -> Iterator[EmbeddedBackend]:
        backend = EmbeddedBackend(tmp_path, embedder)
        yield backend
        backend.close()
