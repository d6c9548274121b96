from __future__ import annotations

import pytest

from threadline.engine.terms import index_terms, query_terms, words
from threadline.engine.tongues import is_function_word, tongue


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where did we adopt the cat?", "english"),
        ("Woher kommen unsere Katzen?", "german"),
        ("D'où viennent nos chats ?", "french"),
        ("¿De dónde vienen nuestros gatos?", "spanish"),
        ("Da dove vengono i nostri gatti?", "italian"),
        ("De onde vêm os nossos gatos?", "portuguese"),
        ("Waar komen onze katten vandaan?", "dutch"),
        ("Katzen", "english"),
        ("We flew to Los Angeles and La Jolla", "english"),
        ("Will was in Des Moines", "english"),
        ("Откуда наши кошки?", "english"),
        ("", "english"),
    ],
)
def test_tell_a_language_by_its_function_words(text: str, language: str) -> None:
    assert tongue(words(text)) == language


def test_take_what_may_be_either_for_english() -> None:
    assert tongue(["la", "de"]) == "english"


def test_know_function_words() -> None:
    assert is_function_word("unsere", "german")
    assert not is_function_word("unsere", "french")
    assert not is_function_word("katze", "german")


@pytest.mark.parametrize(
    ("fact", "question"),
    [
        ("Wir haben eine schwarze Katze", "Woher kommen unsere Katzen?"),
        ("Les médecins ont trouvé une allergie", "À quoi suis-je allergique ?"),
        ("Los niños jugaban en el parque", "¿Por qué no juegan los niños?"),
        ("Ho due gatti neri e un cane", "Dove dorme il mio gatto?"),
        ("Os meus gatos dormem", "Onde dorme o meu gato?"),
        ("Wij hebben een zwarte kat", "Waar komen onze katten vandaan?"),
        ("Mein Großvater sammelt Briefmarken", "Was sammelt der Grossvater?"),
        ("Ma sœur travaille à Lyon", "Où est ma soeur ?"),
        ("Katze", "Woher kommen unsere Katzen?"),  # a text too short to show its language is met all the same
        ("Wir haben eine schwarze Katze", "Katze"),
    ],
)
def test_meet_in_a_stem(fact: str, question: str) -> None:
    telling = [term for term in query_terms(question) if len(term) > 2]
    assert set(index_terms(fact)) & set(telling)


@pytest.mark.parametrize("text", ["Woher kommen unsere Katzen?", "D'où viennent nos chats ?"])
def test_leave_function_words_out_of_a_question(text: str) -> None:
    language = tongue(words(text))
    assert [term for term in query_terms(text) if is_function_word(term, language)] == []


def test_keep_function_words_where_nothing_else_is_asked() -> None:
    assert query_terms("Wer ist das?") == ["wer", "ist", "das"]
