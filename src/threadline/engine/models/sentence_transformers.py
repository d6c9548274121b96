"""Any model of Sentence Transformers, run by PyTorch. It is downloaded at its first use, unless it is there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threadline.engine.models.batched import Batched, vectors_name
from threadline.engine.models.gate import GATE
from threadline.engine.models.options import load_options
from threadline.engine.models.shared import Shared, need, one_line
from threadline.errors import EmbedderError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class SentenceTransformersOptions:
    """The options of the embedder `sentence-transformers`.

    Attributes:
        model: its name on the hub, or a folder.
        dimensions: vectors are cut to so many, where the model was trained for that; None: all there are.
        device: `cpu`, `cuda`, `mps`, ...; None: the best there is.
        cache_dir: where what was downloaded is kept; None: where the library does by itself.
        local_files_only: never download.
        batch_size: how many texts are run together.
        query_prefix, document_prefix: put before questions and texts, in place of the prompts that the model brings.
    """

    model: str
    dimensions: int | None = None
    device: str | None = None
    cache_dir: str | None = None
    local_files_only: bool = False
    batch_size: int = 16
    query_prefix: str = ""
    document_prefix: str = ""


class SentenceTransformers(Batched):
    """The embedder made of a model of Sentence Transformers, loaded at its first use."""

    def __init__(self, options: SentenceTransformersOptions) -> None:
        super().__init__(
            vectors_name("sentence-transformers", options.model, options.dimensions, options.document_prefix),
            options.dimensions,
            batch_size=options.batch_size,
            query_prefix=options.query_prefix,
            document_prefix=options.document_prefix,
        )
        self._options = options
        # An empty prompt keeps the model's own one out; none lets it in.
        self._prompt = "" if options.query_prefix or options.document_prefix else None
        key = ("sentence-transformers", options.model, options.device, options.cache_dir, options.local_files_only)
        self._model: Shared[_Model] = Shared(key, self._load)

    def _rows(self, texts: list[str], *, query: bool) -> npt.NDArray[np.float32]:
        import numpy as np

        with GATE.inside():
            model = self._model.get()
            # One thread at a time: the tokenizer is set up anew for each batch, which another must not see.
            with model.lock, self._errors():
                encode = model.encoder.encode_query if query else model.encoder.encode_document
                found = encode(
                    texts,
                    prompt=self._prompt,
                    batch_size=len(texts),
                    show_progress_bar=False,
                    truncate_dim=self._options.dimensions,
                )
                return np.asarray(found, np.float32)

    def _release(self) -> None:
        self._model.drop()

    def _load(self) -> _Model:
        options = self._options
        with self._errors():
            from sentence_transformers import SentenceTransformer

            return _Model(
                SentenceTransformer(
                    options.model,
                    device=options.device,
                    cache_folder=options.cache_dir,
                    local_files_only=options.local_files_only,
                )
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        # What it downloads with raises errors of the system, PyTorch raises RuntimeError.
        except (ImportError, OSError, ValueError, RuntimeError) as error:
            raise EmbedderError(
                f"Sentence Transformers cannot load or run {self._options.model} ({one_line(error)}); "
                "check the option model, and the network if it is not downloaded yet."
            ) from error


class _Model:
    """A loaded model, and who may run it."""

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder
        self.lock = threading.Lock()


def open_sentence_transformers(options: Mapping[str, Any]) -> SentenceTransformers:
    """A model of Sentence Transformers. Nothing is loaded or downloaded yet.

    Raises:
        SettingsError: an option is unknown, missing or has a bad value.
        EmbedderError: the package `sentence-transformers` is not installed.
    """
    loaded = load_options(SentenceTransformersOptions, "sentence-transformers", options)
    need("sentence_transformers", "sentence-transformers")
    return SentenceTransformers(loaded)
