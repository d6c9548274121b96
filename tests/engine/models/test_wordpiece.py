from __future__ import annotations

import hashlib
import string

from hypothesis import example, given
from hypothesis import strategies as st

from threadline.engine.models.wordpiece import VOCABULARY, _tokenizer, count_tokens, encode


def test_encode_as_the_model_was_trained() -> None:
    # The ids of BERT's uncased vocabulary.
    assert encode(["Hello, world!", "unaffable"]) == [[7592, 1010, 2088, 999], [14477, 20961, 3468]]


@given(st.text(st.sampled_from(string.printable + "\0\x1fé中İ"), max_size=80))
@example("Dear Ann,\nthe Ferry-2 leaves @ 9:00 (interoperably).\n" + "x" * 101)
def test_encode_word_by_word_as_the_tokenizer_does_the_whole(text: str) -> None:
    assert encode([text]) == [_tokenizer().encode(text, add_special_tokens=False).ids]


def test_count_one_token_a_word() -> None:
    assert count_tokens(["the quick brown fox", ""]) == [4, 0]


def test_count_at_least_one_token_for_six_bytes() -> None:
    unknown = "ሰላምለሁሉም" * 10  # one word of Ethiopic letters, which the vocabulary lacks
    (tokens,) = count_tokens([unknown])
    assert tokens == len(unknown.encode()) / 6


def test_ship_the_vocabulary_unaltered() -> None:
    digest = hashlib.sha256(VOCABULARY.read_bytes()).hexdigest()
    assert digest == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
