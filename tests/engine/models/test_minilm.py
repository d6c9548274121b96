from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from threadline.engine.models.minilm import MiniLM
from threadline.errors import EmbedderError


@pytest.fixture(scope="module")
def minilm() -> Iterator[MiniLM]:
    embedder = MiniLM()
    yield embedder
    embedder.close()


def test_put_like_meanings_near_each_other(minilm: MiniLM) -> None:
    cat, feline, tax = minilm.embed(["a cat sat on the mat", "the feline lay on a rug", "quarterly tax report"])
    assert cat @ feline > 0.4 > 0.2 > cat @ tax


def test_make_unit_vectors_whatever_the_text(minilm: MiniLM) -> None:
    vectors = minilm.embed(["", "记忆", "x" * 5000, "word " * 5000])
    assert vectors.shape == (4, minilm.dimensions)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_embed_a_text_alike_in_any_company(minilm: MiniLM) -> None:
    alone = minilm.embed(["the kitchen is blue"])[0]
    among = minilm.embed(["a long story " * 60, "the kitchen is blue", "yes"])[1]
    assert np.array_equal(alone, among)


def test_remember_questions(minilm: MiniLM) -> None:
    first = minilm.embed_query("what colour is the kitchen?")
    assert minilm.embed_query("what colour is the kitchen?") is first
    assert np.array_equal(first, minilm.embed(["what colour is the kitchen?"])[0])
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_load_again_after_close(minilm: MiniLM) -> None:
    before = minilm.embed(["again"])
    minilm.close()
    assert np.array_equal(minilm.embed(["again"]), before)


def test_load_the_model_once_for_all_that_use_it(minilm: MiniLM) -> None:
    before = minilm.embed(["again"])
    other = MiniLM()
    assert np.array_equal(other.embed(["again"]), before)
    assert other._model.get() is minilm._model.get()
    model = weakref.ref(other._model.get())
    other.close()
    assert np.array_equal(minilm.embed(["again"]), before), "one that closes takes nothing from the others"
    minilm.close()
    gc.collect()
    assert model() is None, "the last one to close lets go of it"


def test_refuse_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r'cannot be read.*embedder="none"'):
        MiniLM(tmp_path / "model.onnx").embed(["x"])


def test_refuse_an_altered_model(tmp_path: Path) -> None:
    altered = tmp_path / "model.onnx"
    altered.write_bytes(b"not a model")
    with pytest.raises(EmbedderError, match="not the one it should be"):
        MiniLM(altered).embed(["x"])
