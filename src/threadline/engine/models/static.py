"""Static word vectors for the slowest machines: a text is the mean of its tokens' vectors, looked up in a table.

The table is WordLlama's (l2_supercat, 256 dimensions) and comes inside the package `wordllama`, so nothing is
downloaded. Only its files are used: importing the package configures the host's logging, and its own lookup pads all
texts of a batch to the longest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadline.engine.models.batched import Batched
from threadline.engine.models.gate import GATE
from threadline.engine.models.options import NoOptions, load_options
from threadline.engine.models.shared import Shared, need
from threadline.errors import EmbedderError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_TOKENS = 4096
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_SHA256 = {
    _WEIGHTS: "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    _TOKENIZER: "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
}
_ADVICE = 'reinstall it: pip install --force-reinstall "threadline[static]".'


class Static(Batched):
    """The embedder made of a table of word vectors, loaded at its first use. Of a text the first 4,096 tokens count.

    Args:
        folder: where the table and its tokenizer are; None is the installed package's.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__("wordllama-l2-supercat-256", 256, batch_size=64)
        self._table: Shared[_Table] = Shared(("static", folder), lambda: _Table(folder or _installed()))

    def _rows(self, texts: list[str], *, query: bool) -> npt.NDArray[np.float32]:  # noqa: ARG002 - both are alike
        import numpy as np

        with GATE.inside():
            table = self._table.get()
            return np.stack([table.mean(tokens[:MAX_TOKENS]) for tokens in table.encode(texts)])

    def _release(self) -> None:
        self._table.drop()


class _Table:
    """The vectors of the tokens, as they are in the file: half precision, 16 MB."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load
        from tokenizers import Tokenizer

        self._vectors = load(_read(folder, _WEIGHTS))["embedding.weight"]
        self._tokenizer = Tokenizer.from_str(_read(folder, _TOKENIZER).decode("utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [found.ids for found in self._tokenizer.encode_batch(texts, add_special_tokens=False)]

    def mean(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        import numpy as np

        if not tokens:
            return np.zeros(self._vectors.shape[1], np.float32)
        return np.asarray(self._vectors[tokens].mean(axis=0, dtype=np.float32), np.float32)


def open_static(options: Mapping[str, Any]) -> Static:
    """The static embedder, which has no options. Nothing is loaded yet.

    Raises:
        SettingsError: there is an option.
        EmbedderError: the package `wordllama` is not installed.
    """
    load_options(NoOptions, "static", options)
    need("wordllama", "static")
    return Static()


def _installed() -> Path:
    (folder,) = need("wordllama", "static").submodule_search_locations or [""]
    return Path(folder)


def _read(folder: Path, name: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise EmbedderError(f"The word vectors {folder / name} cannot be read; {_ADVICE}") from error
    if hashlib.sha256(content).hexdigest() != _SHA256[name]:
        raise EmbedderError(f"The word vectors {folder / name} are not the ones they should be; {_ADVICE}")
    return content
