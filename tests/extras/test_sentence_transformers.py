"""Sentence Transformers itself, on a small BERT with random weights: it tells words apart, not what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from tests.embeddings.files import write_tokenizer
from threadline.engine.models.base import Embedder
from threadline.engine.models.sentence_transformers import open_sentence_transformers
from threadline.errors import EmbedderError
from threadline.testing import EmbedderContract


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    bert, whole = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("whole")
    write_tokenizer(bert)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30522, hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=128
    )
    transformers.BertModel(config).save_pretrained(bert)
    words = Transformer(str(bert), max_seq_length=128)
    prompts = {"query": "question: ", "document": "passage: "}
    SentenceTransformer(modules=[words, Pooling(64, pooling_mode="mean")], device="cpu", prompts=prompts).save(
        str(whole)
    )
    return {"model": str(whole), "device": "cpu", "local_files_only": True}


@pytest.fixture(scope="module")
def embedder(options: dict[str, Any]) -> Iterator[Embedder]:
    embedder = open_sentence_transformers(options)
    yield embedder
    embedder.close()


class TestSentenceTransformers(EmbedderContract):
    pass


def test_use_the_prompts_of_the_model_unless_prefixes_are_given(options: dict[str, Any], embedder: Embedder) -> None:
    plain = open_sentence_transformers({**options, "query_prefix": "question: "})
    assert np.allclose(plain.embed(["passage: bees"]), embedder.embed(["bees"]), atol=1e-6)
    assert not np.allclose(plain.embed(["bees"]), embedder.embed(["bees"]), atol=1e-3)
    assert np.allclose(plain.embed_query("bees"), embedder.embed_query("bees"), atol=1e-6)
    plain.close()


def test_cut_vectors_and_say_so_in_the_name(options: dict[str, Any], embedder: Embedder) -> None:
    cut = open_sentence_transformers({**options, "dimensions": 16})
    whole, part = embedder.embed(["bees"])[0], cut.embed(["bees"])[0]
    assert (embedder.dimensions, cut.dimensions) == (64, 16)
    assert np.allclose(part, whole[:16] / np.linalg.norm(whole[:16]), atol=1e-5)
    assert cut.name == f"{embedder.name}@16"
    cut.close()


def test_refuse_more_dimensions_than_the_model_has(options: dict[str, Any]) -> None:
    with pytest.raises(EmbedderError, match="64 dimensions where 128 were expected"):
        open_sentence_transformers({**options, "dimensions": 128}).embed(["bees"])


def test_say_that_a_model_is_not_there() -> None:
    with pytest.raises(EmbedderError, match=r"cannot load or run no/such.*; check the option model"):
        open_sentence_transformers({"model": "no/such", "local_files_only": True}).embed(["x"])
