"""engram-search as the Python quickstart of its documentation uses it: one document a message, the hybrid pipeline.

Its default embedder (bge-large) and its re-ranker are downloads of gigabytes. Its pipeline takes an embedder as an
argument: it gets MiniLM, and no re-ranker. That is engram-search without the models its makers recommend.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import LIMIT, Answer, Hit, Item, Query, as_said
from benchmarks.peers.model import PLACES


class MiniLM:
    """What engram's `Embedder` does, with the packaged model: texts in, rows of 384 numbers of unit length out."""

    dimension = 384

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = Path.home() / PLACES[0]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])

    def encode_documents(self, texts: Sequence[str]) -> Any:
        """Embed documents."""
        return np.array([self.encode_query(text) for text in texts], np.float32)

    def encode_query(self, text: str) -> Any:
        """Embed a question."""
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        vector = self._session.run(None, inputs)[0][0].mean(axis=0)
        return vector / np.linalg.norm(vector)


class Engram:
    """A FAISS store on disk and the documents in memory, as its pipeline wants them."""

    name = "engram-search"
    budgets = False

    def __init__(self) -> None:
        pipeline = importlib.import_module("engram.retrieval.pipeline")
        self._embedder = MiniLM()
        self._pipeline = pipeline.RetrievalPipeline(embedder=self._embedder, use_reranker=False)
        self._documents: list[Any] = []

    def open(self, folder: Path) -> None:
        """Make the store."""
        backend = importlib.import_module("engram.backends.faiss_backend")
        self._store = backend.FaissBackend(path=folder, dimension=MiniLM.dimension)
        self._document = backend.Document

    def add(self, turn: Sequence[Item]) -> None:
        """Embed and store the messages."""
        texts = [as_said(item) for item in turn]
        documents = [
            self._document(
                id=item.ref,
                text=text,
                embedding=vector.tolist(),
                metadata={"session_id": item.session, "timestamp": item.said_at[:10]},
            )
            for item, text, vector in zip(turn, texts, self._embedder.encode_documents(texts), strict=True)
        ]
        self._store.add(documents)
        self._documents.extend(documents)

    def settle(self) -> None:
        """What was stored is there."""

    def ask(self, query: Query) -> Answer:
        """Run the pipeline over all documents."""
        asked_at = query.asked_at[:10] if query.asked_at else None
        started = time.perf_counter()
        found = self._pipeline.search(query.text, self._documents, top_k=query.limit or LIMIT, question_date=asked_at)
        seconds = time.perf_counter() - started
        return Answer(tuple(Hit(document.id, document.text) for document in found), seconds)

    def close(self) -> None:
        """It ends with its process."""
