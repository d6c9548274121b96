"""BERT on int8 weights as they are stored: a graph of our own, from the weights of the model's file.

The file holds int8 weights, but its graph makes floats of all of them when it is loaded: 90 MB that stay in memory and
that a short text has to pull through the processor. Here each product takes the int8 weights themselves. What it
multiplies them by is rounded to int8 too, so many numbers of a token at a time with a scale of their own, so that
nothing depends on the tokens beside it. `docs/decisions/2026-11-24-embedding.md` has the figures.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from threadline.engine.models.graph import FLOAT, RUNTIME, Graph, read_weights

if TYPE_CHECKING:
    import numpy.typing as npt

#: What the graph takes, int64 of shape (texts, tokens), and what it gives, the states of the tokens.
TOKENS, STATES = "tokens", "states"

_HEADS = 12
_LAYERS = 6
_EPSILON = 1e-12

# How many numbers of a token are rounded by one scale: few of them where some stand out, as they do among the states,
# which are as wide as the model. And the accuracy that asks for it.
_BLOCK, _WIDE_BLOCK = 64, 128
_ROUNDED = 4


def int8_graph(file: memoryview) -> bytes:
    """The file of the graph.

    Args:
        file: the model's own, whose weights are int8 with a scale for each column.

    Raises:
        ValueError: it is not written as such a file is.
        KeyError: a weight is missing.
    """
    bert = _Bert(*read_weights(file))
    states = bert.embedded()
    for layer in range(_LAYERS):
        states = bert.layer(layer, states)
    return bert.graph.write(TOKENS, states, STATES)


class _Bert:
    def __init__(self, weights: dict[str, npt.NDArray[Any]], factors: list[str]) -> None:
        self.graph = Graph()
        self._weights = weights
        # Of each layer six are weights: query, key, value, what the heads found, up, down.
        self._factors = iter([each for each in factors if f"{each}_q" in weights])

    def embedded(self) -> str:
        """What each token is by itself and in its place."""
        import numpy as np

        add, prefix = self.graph.add, "inner.embeddings."
        tables = (self._constant(f"{prefix}word_embeddings.weight_{part}") for part in ("q", "scale"))
        rows, scales = (add("Gather", table, TOKENS)[0] for table in tables)
        words = add("Mul", add("Cast", rows, to=FLOAT)[0], scales)[0]
        places = self._weights[f"{prefix}position_embeddings.weight_q"].astype(np.float32)
        places *= self._weights[f"{prefix}position_embeddings.weight_scale"]
        places += self._weights[f"{prefix}token_type_embeddings.weight"][0]
        zero = self.graph.constant(np.zeros(1, np.int64))
        count = add("Shape", TOKENS, start=1, end=2)[0]
        there = add("Slice", self.graph.constant(places), zero, count, zero)[0]
        norm = [self._constant(f"{prefix}LayerNorm.{part}") for part in ("weight", "bias")]
        return add("LayerNormalization", add("Add", words, there)[0], *norm, epsilon=_EPSILON)[0]

    def layer(self, number: int, states: str) -> str:
        """What a layer makes of the states of the tokens."""
        import numpy as np

        add, prefix = self.graph.add, f"inner.encoder.layer.{number}."
        thirds = self.graph.constant(np.full(3, self._width, np.int64))
        asked = add("Split", self._product(states, 3), thirds, outputs=3, axis=2)
        biases = [self._weights[f"{prefix}attention.self.{part}.bias"] for part in ("query", "key", "value")]
        bias = self.graph.constant(np.concatenate(biases))
        found = add("MultiHeadAttention", *asked, bias, domain=RUNTIME, num_heads=_HEADS)[0]
        states = self._joined(self._product(found), states, f"{prefix}attention.output.")
        bias = self._constant(f"{prefix}intermediate.dense.bias")
        wide = add("BiasGelu", self._product(states), bias, domain=RUNTIME)[0]
        return self._joined(self._product(wide), states, f"{prefix}output.")

    @property
    def _width(self) -> int:
        return len(self._weights["inner.embeddings.LayerNorm.weight"])

    def _product(self, states: str, factors: int = 1) -> str:
        """The states times the next so many weights, side by side."""
        import numpy as np

        names = list(itertools.islice(self._factors, factors))
        columns = np.concatenate([self._weights[f"{name}_q"] for name in names], axis=1).T
        scales = np.concatenate([self._weights[f"{name}_scale"] for name in names], axis=1).T
        width, depth = columns.shape
        block = _WIDE_BLOCK if depth > self._width else _BLOCK
        blocks = columns.view(np.uint8).reshape(width, depth // block, block) ^ 0x80  # the operator's zero is 128
        return self.graph.add(
            "MatMulNBits",
            states,
            self.graph.constant(blocks),
            self.graph.constant(np.repeat(scales, depth // block, axis=1)),
            domain=RUNTIME,
            K=depth,
            N=width,
            bits=8,
            block_size=block,
            accuracy_level=_ROUNDED,
        )[0]

    def _joined(self, made: str, states: str, prefix: str) -> str:
        """What was made of the states, added to them and brought to one size."""
        parts = ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
        inputs = [self._constant(f"{prefix}{part}") for part in parts]
        return self.graph.add("SkipLayerNormalization", made, states, *inputs, domain=RUNTIME, epsilon=_EPSILON)[0]

    def _constant(self, name: str) -> str:
        return self.graph.constant(self._weights[name])
