"""A fake model server on the loopback interface, which speaks OpenAI's chat completions. A test scripts its answers."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from .waiting import HarnessError

#: The model that a home is configured to use, and another one that is offered beside it.
MODEL, OTHER_MODEL = "fake-model", "other-model"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Reply:
    """What the model answers to one request.

    Attributes:
        text: what it says; with neither text nor tools the reply is empty.
        tools: the tools it calls.
        first: a part of the text that is streamed before the gate, so that a turn can be broken off in its midst.
        gate: nothing (more) is answered until it is set; see `FakeModel.gate`.
        delay: seconds to wait, for what is about a slow model.
        tokens: how many tokens the prompt is said to have had; None: counted by four characters a token.
        status: another one than 200 makes an error, with `text` as its message.
    """

    text: str = ""
    tools: Sequence[ToolCall] = ()
    first: str = ""
    gate: threading.Event | None = None
    delay: float = 0.0
    tokens: int | None = None
    status: int = 200


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request as the host sent it."""

    body: Mapping[str, Any]
    at: float

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Everything that was sent, system prompt included."""
        return list(self.body.get("messages") or [])

    @property
    def system(self) -> str:
        """The system prompt."""
        return "\n".join(text_of(one) for one in self.messages if one["role"] == "system")

    @property
    def user(self) -> str:
        """The last message of the user, with whatever the host added to it."""
        return next((text_of(one) for one in reversed(self.messages) if one["role"] == "user"), "")

    @property
    def tools(self) -> list[str]:
        """The names of the tools that it may call."""
        return [tool["function"]["name"] for tool in self.body.get("tools") or []]

    @property
    def answers_tools(self) -> bool:
        """Whether the last thing said is the outcome of a tool."""
        return bool(self.messages) and self.messages[-1]["role"] == "tool"

    @property
    def stream(self) -> bool:
        """Whether it is to be streamed."""
        return bool(self.body.get("stream"))

    def holds(self, text: str) -> bool:
        """Whether the text stands anywhere in what was sent."""
        return any(text in text_of(one) for one in self.messages)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, whose content may be a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or "") for part in content)
    return str(content or "")


Answer = Callable[[ModelRequest], Reply]


def echo(request: ModelRequest) -> Reply:
    """The answer that nobody scripted."""
    return Reply(f"You said: {request.user[:200]}")


class FakeModel:
    """Serves the model. A context manager.

    Attributes:
        answer: decides on the reply to each request; replies given to `reply` go before it, one request each.
        requests: every request for a completion, in order.
        strays: what the host asked of anybody else, as it has this server for a proxy: `METHOD target`.
    """

    def __init__(self, answer: Answer = echo) -> None:
        self.answer = answer
        self.requests: list[ModelRequest] = []
        self.strays: list[str] = []
        self._replies: list[Reply] = []
        self._gates: list[threading.Event] = []
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)

    @property
    def url(self) -> str:
        """The base of its addresses, as `model.base_url` wants it."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for gate in self._gates:
            gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, *replies: Reply | str) -> None:
        """Answer the next requests so, one each."""
        with self._changed:
            self._replies += [Reply(one) if isinstance(one, str) else one for one in replies]

    def gate(self) -> threading.Event:
        """A gate for a reply; it is opened at the end whatever happens."""
        gate = threading.Event()
        self._gates.append(gate)
        return gate

    def wait(self, matches: Callable[[ModelRequest], bool], count: int = 1, seconds: float = 20.0) -> ModelRequest:
        """Wait until so many requests that match came. Returns the last of them.

        Raises:
            HarnessError: they did not come.
        """

        def found() -> list[ModelRequest]:
            return [one for one in self.requests if matches(one)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= count, seconds):
                told = [one.user[:80] for one in self.requests]
                raise HarnessError(f"{len(found())} of {count} requests came within {seconds} s; asked was {told}")
            return found()[count - 1]

    def asked(self, text: str) -> list[ModelRequest]:
        """The requests whose last user message holds the text."""
        return [one for one in list(self.requests) if text in one.user]

    def take(self, body: Mapping[str, Any]) -> Reply:
        """A request came: what is answered?"""
        request = ModelRequest(body, time.monotonic())
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            if self._replies:
                return self._replies.pop(0)
        return self.answer(request)

    def stray(self, line: str) -> None:
        """The host wanted something from elsewhere."""
        with self._changed:
            self.strays.append(line)
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], model: FakeModel) -> None:
        self.model = model
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A host that was killed, or broke a turn off, goes away in the midst of a reply."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
        """Quietly."""

    def do_CONNECT(self) -> None:
        self.server.model.stray(f"CONNECT {self.path}")
        self.send_error(502)

    def do_GET(self) -> None:
        if not self.path.startswith("/"):
            self.server.model.stray(f"GET {self.path}")
            self.send_error(502)
        elif self.path.startswith("/v1/models"):
            offered = [{"id": name, "object": "model", "owned_by": "tests"} for name in (MODEL, OTHER_MODEL)]
            self._send({"object": "list", "data": offered})
        else:  # the host asks whether this is Ollama, LM Studio, ...
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path != "/v1/chat/completions":
            if not self.path.startswith("/"):
                self.server.model.stray(f"POST {self.path}")
            self.send_error(404)
            return
        request = json.loads(body)
        reply = self.server.model.take(request)
        if reply.delay:
            threading.Event().wait(reply.delay)
        if reply.status != 200:
            self._hold(reply)
            self._send({"error": {"message": reply.text, "type": "server_error", "code": reply.status}}, reply.status)
        elif request.get("stream"):
            self._stream(request, reply)
        else:
            self._hold(reply)
            self._send(_completion(request, reply))

    def _stream(self, request: Mapping[str, Any], reply: Reply) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if reply.first:
            self._event(_chunk({"role": "assistant", "content": reply.first}))
        self._hold(reply)
        for chunk in _chunks(request, reply):
            self._event(chunk)
        self.wfile.write(b"data: [DONE]\n\n")
        self.wfile.flush()

    def _event(self, chunk: Mapping[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()

    def _hold(self, reply: Reply) -> None:
        if reply.gate is not None:
            reply.gate.wait()

    def _send(self, body: Mapping[str, Any], status: int = 200) -> None:
        content = json.dumps(body).encode()
        with contextlib.suppress(BrokenPipeError):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def _usage(request: Mapping[str, Any], reply: Reply) -> dict[str, int]:
    prompt = reply.tokens if reply.tokens is not None else len(json.dumps(request.get("messages"))) // 4
    said = len(reply.first + reply.text) // 4 + 1
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": f"call_{time.monotonic_ns()}_{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for index, call in enumerate(reply.tools)
    ]


def _completion(request: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.first + reply.text}
    if reply.tools:
        message["tool_calls"] = _calls(reply)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.tools else "stop"}
    return {**_head("chat.completion"), "choices": [choice], "usage": _usage(request, reply)}


def _chunks(request: Mapping[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    if reply.text or not reply.first:
        yield _chunk({"role": "assistant", "content": reply.text})
    if reply.tools:
        yield _chunk({"tool_calls": _calls(reply)})
    yield _chunk({}, "tool_calls" if reply.tools else "stop")
    yield {**_head("chat.completion.chunk"), "choices": [], "usage": _usage(request, reply)}


def _chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {**_head("chat.completion.chunk"), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{time.monotonic_ns()}", "object": kind, "created": int(time.time()), "model": MODEL}
