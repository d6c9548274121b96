from __future__ import annotations

import gc
import threading
import weakref

import pytest

from threadline.engine.models.questions import KEPT, Questions
from threadline.engine.models.shared import Shared, need
from threadline.errors import EmbedderError


class Model:
    pass


def test_load_once_for_all_that_use_it() -> None:
    made: list[weakref.ref[Model]] = []

    def load() -> Model:
        model = Model()
        made.append(weakref.ref(model))
        return model

    one, other = Shared("once", load), Shared("once", load)
    assert one.get() is other.get() is one.get()
    assert Shared("another", load).get() is not one.get()
    one.drop()
    gc.collect()
    assert made[0]() is other.get(), "one that lets go takes nothing from the others"
    other.drop()
    gc.collect()
    assert made[0]() is None, "the last one to let go frees it"
    assert isinstance(one.get(), Model)


def test_try_again_after_a_failure() -> None:
    tries: list[int] = []

    def load() -> Model:
        tries.append(1)
        if len(tries) == 1:
            raise EmbedderError("not yet")
        return Model()

    shared = Shared("later", load)
    with pytest.raises(EmbedderError, match="not yet"):
        shared.get()
    assert isinstance(shared.get(), Model)


def test_let_go_without_waiting_for_a_download() -> None:
    begun, go = threading.Event(), threading.Event()
    found: list[Model] = []

    def load() -> Model:
        begun.set()
        assert go.wait(30)
        return Model()

    shared = Shared("slow", load)
    thread = threading.Thread(target=lambda: found.append(shared.get()))
    thread.start()
    assert begun.wait(30)
    shared.drop()
    go.set()
    thread.join(30)
    model = weakref.ref(found.pop())
    gc.collect()
    assert model() is None, "what was loaded for one that let go meanwhile is not kept"


def test_say_what_to_install() -> None:
    need("numpy", "static")
    with pytest.raises(EmbedderError, match=r'no_such_package: pip install "threadline\[static\]"'):
        need("no_such_package", "static")


def test_remember_the_last_questions() -> None:
    asked: list[str] = []

    def ask(text: str) -> object:
        def make() -> object:
            asked.append(text)
            return object()

        return questions.get(text, make)

    questions: Questions[object] = Questions()
    first = ask("first")
    for number in range(KEPT - 1):
        ask(f"question {number}")
    assert ask("first") is first
    ask("one more")
    assert ask("first") is first, "asked again, it is not the oldest"
    assert asked.count("question 0") == 1
    ask("question 0")
    assert asked.count("question 0") == 2, "the oldest made room"
    questions.clear()
    assert ask("first") is not first
