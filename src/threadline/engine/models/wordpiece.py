"""The WordPiece tokenizer of BERT's uncased vocabulary: it counts tokens and feeds the embedder."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from threadline.errors import EmbedderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = Path(__file__).with_name("minilm-vocab.txt")

# Text in a script the vocabulary lacks becomes one [UNK] a word; it must not be next to free in a budget.
_BYTES_PER_TOKEN = 6

_WORDS = re.compile(r"[a-z0-9]+|[^a-z0-9\s]")


def encode(texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, without [CLS] and [SEP], of whatever length.

    Raises:
        EmbedderError: the vocabulary file is missing.
    """
    return [_encode(text) for text in texts]


def written(ids: Sequence[int]) -> tuple[str, ...]:
    """Tokens as they stand in the vocabulary; one that continues a word begins with `##`."""
    return tuple(_tokenizer().id_to_token(number) or "[UNK]" for number in ids)


def count_tokens(texts: Sequence[str]) -> list[int]:
    """How many tokens each text takes of a budget: WordPiece's count, at least one for six bytes of UTF-8.

    Raises:
        EmbedderError: the vocabulary file is missing.
    """
    return [_count(text) for text in texts]


def _count(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return max(len(_encode(text)), -(-size // _BYTES_PER_TOKEN))


def _encode(text: str) -> list[int]:
    if text.isascii() and text.replace("\n", " ").isprintable():
        # What the tokenizer does there is to cut at white space and punctuation, and then word by word.
        return list(itertools.chain.from_iterable(map(_pieces, _WORDS.findall(text.lower()))))
    numbers: list[int] = _tokenizer().encode(text, add_special_tokens=False).ids
    return numbers


@functools.lru_cache(maxsize=65_536)
def _pieces(word: str) -> tuple[int, ...]:
    return tuple(token.id for token in _tokenizer().model.tokenize(word))


@functools.cache
def _tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    try:
        lines = VOCABULARY.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise EmbedderError(
            f"The vocabulary {VOCABULARY} cannot be read; "
            "reinstall Threadline: pip install --force-reinstall threadline"
        ) from error
    vocabulary = {token: number for number, token in enumerate(lines) if token}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token, not a password
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer
