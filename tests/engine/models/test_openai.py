"""The embedder behind an endpoint, over real sockets: what it sends, and what it makes of every answer."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.embeddings.http import Endpoint, said, status, vectors

from threadline import ClosedError, EmbedderError, Memory, SettingsError
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.models.openai import OpenAI, OpenAIOptions, open_openai

KEY = "sk-very-secret"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def opened() -> Iterator[list[OpenAI]]:
    embedders: list[OpenAI] = []
    yield embedders
    for embedder in embedders:
        embedder.close()


class Opens:
    def __init__(self, url: str, opened: list[OpenAI]) -> None:
        self.url = url
        self.opened = opened

    def __call__(self, **options: Any) -> OpenAI:
        embedder = open_openai({"model": "fake", "base_url": self.url, **options}, environ={})
        self.opened.append(embedder)
        return embedder


@pytest.fixture
def opens(endpoint: Endpoint, opened: list[OpenAI]) -> Opens:
    return Opens(endpoint.url, opened)


def test_send_batches_and_keep_the_order(endpoint: Endpoint, opens: Opens) -> None:
    texts = [f"text {number}" for number in range(7)]
    found = opens(batch_size=3, api_key=KEY).embed(texts)
    assert np.allclose(found, FakeEmbedder().embed(texts), atol=1e-6)
    assert endpoint.requests == [{"model": "fake", "input": texts[start : start + 3]} for start in (0, 3, 6)]
    assert set(endpoint.keys) == {f"Bearer {KEY}"}


def test_send_at_most_64_texts_at_once(endpoint: Endpoint, opens: Opens) -> None:
    opens().embed([f"text {number}" for number in range(130)])
    assert [len(request["input"]) for request in endpoint.requests] == [64, 64, 2]


def test_ask_for_dimensions_where_they_are_set(endpoint: Endpoint, opens: Opens) -> None:
    assert opens().dimensions == 64, "learnt from one question"
    cut = opens(dimensions=16)
    assert cut.dimensions == 16
    assert len(endpoint.requests) == 1, "what is set is not asked for"
    assert cut.embed(["bees"]).shape == (1, 16)
    assert ["dimensions" in request for request in endpoint.requests] == [False, True]


def test_put_prefixes_before_texts_and_questions(endpoint: Endpoint, opens: Opens) -> None:
    embedder = opens(query_prefix="query: ", document_prefix="passage: ")
    embedder.embed(["bees"])
    embedder.embed_query("bees")
    assert [request["input"] for request in endpoint.requests] == [["passage: bees"], ["query: bees"]]


def test_remember_questions(endpoint: Endpoint, opens: Opens) -> None:
    embedder = opens()
    assert embedder.embed_query("bees?") is embedder.embed_query("bees?")
    assert len(endpoint.requests) == 1


def test_send_no_text_of_nothing_and_no_more_than_is_taken(endpoint: Endpoint, opens: Opens) -> None:
    found = opens(max_characters=10).embed(["", "a" * 1000, " \n"])
    assert [row.any() for row in found] == [False, True, False]
    assert endpoint.requests == [{"model": "fake", "input": ["a" * 10]}]


def test_send_no_key_where_there_is_none(endpoint: Endpoint, opens: Opens) -> None:
    opens().embed(["bees"])
    assert endpoint.keys == [None]


def test_take_the_key_from_the_environment(endpoint: Endpoint, opened: list[OpenAI]) -> None:
    embedder = open_openai({"model": "fake", "base_url": f"{endpoint.url}/"}, {"OPENAI_API_KEY": f" {KEY}\n"})
    opened.append(embedder)
    embedder.embed(["bees"])
    assert endpoint.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(401), r"refuses the key \(401: no\); set the option api_key, or OPENAI_API_KEY"),
        (status(403), "refuses the key"),
        (status(404, "no model"), r"no such route or model \(404: no model\); check base_url"),
        (status(400, "too long"), r"refuses it \(400: too long\); check model and dimensions"),
        (status(413), "lower max_characters"),
        (status(302, location="http://127.0.0.1:9/"), "answered 302"),
        (status(429), r"cannot do it now \(429"),
        (status(500), r"cannot do it now \(500"),
        (status(503), r"cannot do it now \(503"),
        (lambda _: (500, b"<html>\n\nproxy</html>", {}), r"500: <html> proxy</html>"),
        (said(b"<html>another program</html>"), "does not speak OpenAI's language"),
        (said(b"\xff\xfe"), "does not speak OpenAI's language"),
        (said({"error": "none"}), "does not speak OpenAI's language"),
        (said([1]), "does not speak OpenAI's language"),
        (said({"data": [{"index": 0, "embedding": "AAAA"}]}), "does not speak OpenAI's language"),
        (said({"data": [{"index": 0, "embedding": [1.0, "x"]}]}), "does not speak OpenAI's language"),
        (said({"data": []}), "answered 0 vectors for 1 texts"),
        (said({"data": [{"index": n, "embedding": [1.0]} for n in (0, 1)]}), "answered 2 vectors for 1 texts"),
        (said({"data": [{"index": 1, "embedding": [1.0]}]}), "or not one for each"),
        (said({"data": [{"index": 0, "embedding": [1.0, 2.0]}]}), "2 dimensions where 3 were expected"),
        (said({"data": [{"index": 0, "embedding": []}]}), "0 dimensions where 3 were expected"),
        (said({"data": [{"index": 0, "embedding": 1.0}]}), "no list of numbers"),
        (said({"data": [{"index": 0, "embedding": [[1.0], [2.0], [3.0]]}]}), "no list of numbers"),
        (said(b'{"data": [{"index": 0, "embedding": [1, NaN, 2]}]}'), "NaN or infinite"),
        (said(b'{"data": [{"index": 0, "embedding": [1, 1e999, 2]}]}'), "NaN or infinite"),
    ],
)
def test_say_what_is_wrong_and_work_again(endpoint: Endpoint, opens: Opens, answer: Any, message: str) -> None:
    embedder = opens(dimensions=3)
    endpoint.answers.append(answer)
    with pytest.raises(EmbedderError, match=message):
        embedder.embed(["bees"])
    assert embedder.embed(["bees"]).shape == (1, 3)


def test_read_vectors_without_places_in_their_order(endpoint: Endpoint, opens: Opens) -> None:
    endpoint.answers.append(said({"data": [{"embedding": [3.0, 0.0]}, {"embedding": [0.0, 0.0]}]}))
    assert opens().embed(["bees", "wasps"]).tolist() == [[1.0, 0.0], [0.0, 0.0]], "zeros stay zeros"


def test_notice_that_the_model_was_changed(endpoint: Endpoint, opens: Opens) -> None:
    embedder = opens()
    embedder.embed(["bees"])
    endpoint.answers.append(said({"data": [{"index": 0, "embedding": [1.0, 2.0]}]}))
    with pytest.raises(EmbedderError, match=r"2 dimensions where 64 were expected.*say its name"):
        embedder.embed(["bees"])


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        (timedelta(hours=12), 3600, 3600),
        (timedelta(seconds=600), 500, 600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("-3", 0, 0),
    ],
)
def test_pass_on_how_long_to_wait(
    endpoint: Endpoint, opens: Opens, header: str | timedelta, low: float, high: float
) -> None:
    if isinstance(header, timedelta):
        header = format_datetime(datetime.now(UTC) + header, usegmt=True)
    endpoint.answers.append(status(429, "slow down", retry_after=header))
    with pytest.raises(EmbedderError, match="slow down") as raised:
        opens().embed(["bees"])
    assert low <= getattr(raised.value, "retry_after", -1) <= high


def test_give_up_after_the_timeout(endpoint: Endpoint, opens: Opens) -> None:
    endpoint.answers.append(lambda _: None)
    embedder = opens(timeout=0.1)
    with pytest.raises(EmbedderError, match=r"did not answer within 0\.1 s"):
        embedder.embed_query("bees?")
    endpoint.answers.clear()  # on a busy machine that request may never have got there
    assert opens().embed_query("bees?").any()


def test_remember_no_failure(endpoint: Endpoint, opens: Opens) -> None:
    endpoint.answers.append(status(500))
    embedder = opens()
    with pytest.raises(EmbedderError, match="cannot do it now"):
        embedder.embed_query("bees?")
    assert embedder.embed_query("bees?").any()


def test_say_that_nobody_is_there(opened: list[OpenAI]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(EmbedderError, match=rf"{url}/embeddings cannot be reached.*is it running there"):
        Opens(url, opened)().embed(["bees"])


def test_end_what_is_under_way_when_it_is_closed(endpoint: Endpoint, opens: Opens) -> None:
    endpoint.answers.append(lambda _: None)
    embedder = opens()
    raised: list[Exception] = []

    def embed() -> None:
        try:
            embedder.embed(["bees"])
        except ClosedError as error:
            raised.append(error)

    thread = threading.Thread(target=embed)
    thread.start()
    assert endpoint.came.wait(10)
    embedder.close()
    thread.join(10)
    assert not thread.is_alive()
    assert "closed in the middle" in str(raised[0])
    assert embedder.embed(["bees"]).any()


def test_leave_in_the_middle_of_a_request(endpoint: Endpoint) -> None:
    endpoint.answers.append(lambda _: None)
    program = """
import sys, threading
from threadline.engine.models.openai import open_openai

embedder = open_openai({"model": "fake", "base_url": sys.argv[1]})
threading.Thread(target=embedder.embed, args=[["bees"]], daemon=True).start()
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, endpoint.url], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert endpoint.came.wait(30)
        assert process.communicate(timeout=10)[1] == b""
    assert process.returncode == 0


def test_deliver_what_was_said_once_the_endpoint_works(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.answers += [status(503, retry_after="0"), status(401)]
    options = {"model": "fake", "base_url": endpoint.url, "api_key": KEY}
    with Memory.open(tmp_path, embedder="openai", embedder_options=options) as memory:
        memory.session("s").add_turn(user="the bees are doing well")
        assert memory.flush(60)
        (found,) = memory.recall("are bees well?")
        assert {reason.channel for reason in found.why} == {"words", "meaning"}
    assert len(endpoint.requests) == 4


def test_send_no_further_batch_once_it_is_closed(endpoint: Endpoint, opens: Opens) -> None:
    embedder = opens(batch_size=1)

    def close_and_answer(body: dict[str, Any]) -> Any:
        embedder._closings += 1  # what `close` does, but for ending this very request
        return vectors(body)

    endpoint.answers.append(close_and_answer)
    with pytest.raises(ClosedError, match="closed in the middle"):
        embedder.embed(["one", "two"])
    assert len(endpoint.requests) == 1


def test_tell_nobody_the_key(endpoint: Endpoint, opens: Opens, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    embedder = opens(api_key=KEY)
    endpoint.answers.append(status(401, f"Incorrect API key provided: {KEY}."))
    with pytest.raises(EmbedderError, match=r"Incorrect API key provided: \.\.\.") as raised:
        embedder.embed(["bees"])
    assert KEY not in "".join(traceback.format_exception(raised.value))
    endpoint.answers.append(status(500, f"{KEY} " * 100))
    with pytest.raises(EmbedderError) as raised:
        embedder.embed(["bees"])
    assert KEY not in str(raised.value)
    embedder.embed(["bees"])
    assert KEY not in caplog.text
    assert KEY not in repr(OpenAIOptions("m", api_key=KEY))


@pytest.mark.parametrize("key", ["sk-very secret", "sk-\N{SNOWMAN}", "sk-very\x00secret"])
def test_refuse_a_key_that_is_none_without_showing_it(key: str) -> None:
    with pytest.raises(SettingsError, match=r"api_key = \.\.\. will not do") as raised:
        open_openai({"model": "m", "api_key": key}, {})
    assert key not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs the option 'model'"),
        ({"model": "m", "base_url": "localhost:11434"}, "must begin with http"),
        ({"model": "m", "base_url": "https://user:key@host/v1"}, "must hold no key"),
        ({"model": "m", "timeout": 0}, "seconds above 0"),
        ({"model": "m", "dimensions": 1.5}, "whole number from 1"),
    ],
)
def test_refuse_bad_options(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        open_openai(given, {})
