"""A model's folder as the libraries of others read it."""

from __future__ import annotations

import json
from pathlib import Path

from threadline.engine.models.wordpiece import VOCABULARY


def write_tokenizer(folder: Path) -> None:
    """MiniLM's tokenizer in the files in which models bring theirs."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokens = VOCABULARY.read_text("utf-8").split("\n")
    tokenizer = Tokenizer(models.WordPiece({t: n for n, t in enumerate(tokens) if t}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    config = {"model_max_length": 256, "tokenizer_class": "BertTokenizer", "do_lower_case": True, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0, "model_type": "bert"}))
