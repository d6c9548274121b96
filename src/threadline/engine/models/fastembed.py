"""Any model that fastembed knows, run by ONNX Runtime. fastembed downloads it at its first use, unless it has it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from threadline.engine.models.batched import Batched, vectors_name
from threadline.engine.models.gate import GATE
from threadline.engine.models.onnx import onnx_errors
from threadline.engine.models.options import load_options
from threadline.engine.models.shared import Shared, need, one_line
from threadline.errors import EmbedderError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class FastEmbedOptions:
    """The options of the embedder `fastembed`.

    Attributes:
        model: one of `fastembed.TextEmbedding.list_supported_models()`.
        path: a folder with the model's files; nothing is downloaded then.
        cache_dir: where fastembed keeps what it downloaded; None: where it does by itself.
        local_files_only: never download.
        threads: how many cores one text is spread over.
        batch_size: how many texts are run together. From 2 on, the vectors of a quantised model depend a little on
            their neighbours.
        query_prefix, document_prefix: put before questions and texts, where the model wants one.
    """

    model: str
    path: str | None = None
    cache_dir: str | None = None
    local_files_only: bool = False
    threads: int = 1
    batch_size: int = 1
    query_prefix: str = ""
    document_prefix: str = ""


class FastEmbed(Batched):
    """The embedder made of a model of fastembed's, loaded at its first use."""

    def __init__(self, options: FastEmbedOptions) -> None:
        super().__init__(
            vectors_name("fastembed", options.model, document_prefix=options.document_prefix),
            batch_size=options.batch_size,
            query_prefix=options.query_prefix,
            document_prefix=options.document_prefix,
        )
        self._options = options
        self._model: Shared[Any] = Shared(("fastembed", *astuple(options)[:5]), self._load)

    def _rows(self, texts: list[str], *, query: bool) -> npt.NDArray[np.float32]:
        import numpy as np

        with GATE.inside():
            model = self._model.get()
            with self._errors():
                embed = model.query_embed if query else model.passage_embed
                return np.asarray(list(embed(texts, batch_size=len(texts))), np.float32)

    def _release(self) -> None:
        self._model.drop()

    def _load(self) -> Any:
        options = self._options
        with self._errors():
            from fastembed import TextEmbedding

            return TextEmbedding(
                options.model,
                cache_dir=options.cache_dir,
                threads=options.threads,
                specific_model_path=options.path,
                local_files_only=options.local_files_only,
                enable_cpu_mem_arena=False,
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        # What it downloads with raises errors of the system, what it reads is checked by ValueError.
        caught: tuple[type[Exception], ...] = (ImportError, OSError, ValueError, RuntimeError, *onnx_errors())
        try:
            yield
        except caught as error:
            raise EmbedderError(
                f"fastembed cannot load or run {self._options.model} ({one_line(error)}); check the "
                "option model, and the network if it is not downloaded yet."
            ) from error


def open_fastembed(options: Mapping[str, Any]) -> FastEmbed:
    """A model of fastembed's. Nothing is loaded or downloaded yet.

    Raises:
        SettingsError: an option is unknown, missing or has a bad value.
        EmbedderError: the package `fastembed` is not installed.
    """
    loaded = load_options(FastEmbedOptions, "fastembed", options)
    need("fastembed", "fastembed")
    return FastEmbed(loaded)
