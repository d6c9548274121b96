"""The script, played to a server, and what it answered."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx2

from benchmarks.wire.script import Step

_SETTLE_SECONDS = 60.0
#: Headers that a client may act on.
HEADERS = (
    "content-type",
    "content-encoding",
    "content-disposition",
    "x-ignored-params",
    "retry-after",
    "allow",
    "location",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        headers: those of `HEADERS` that it had.
        body: its JSON; else `{"text": ...}` or, of what is no text, `{"bytes": how it begins}`.
        size: of the body, in bytes, once unpacked.
        missing: what an earlier step should have saved for this one, and did not: it was not sent.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    size: int
    missing: str | None = None


class Player:
    """One server, and what its answers held."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=60.0)
        self._saved: dict[str, Any] = {}

    def play(self, script: Sequence[Step]) -> dict[str, Answer]:
        """Send everything in order."""
        return {step.name: self._send(step) for step in script}

    def close(self) -> None:
        """End its connections."""
        self._client.close()

    def document(self) -> Any:
        """The server's OpenAPI document."""
        return self._client.get("/openapi.json").json()

    def _send(self, step: Step) -> Answer:
        try:
            if step.settle is not None:
                self._wait(str(self._saved[step.settle]))
            path = self._path(step.path)
            content = self._content(step)
        except KeyError as error:
            return Answer(0, {}, None, 0, missing=str(error.args[0]))
        response = self._client.request(step.method, path, **content)
        answer = Answer(
            response.status_code,
            {name: response.headers[name] for name in HEADERS if name in response.headers},
            _body(response),
            len(response.content),
        )
        self._save(step, answer, response.content)
        return answer

    def _path(self, path: str) -> str:
        named = {
            name: value if name.endswith("url") else quote(str(value), safe="") for name, value in self._saved.items()
        }
        return path.replace("~", "/v1/default/banks/probe", 1).format_map(named)

    def _content(self, step: Step) -> dict[str, Any]:
        content: dict[str, Any] = {}
        if step.query:
            content["params"] = urlencode(step.query, doseq=True).replace("True", "true").replace("False", "false")
        if step.files or step.fields:
            named = {one: self._saved[data] if isinstance(data, str) else data for one, (_, data) in step.files.items()}
            content["files"] = {one: (name, named[one]) for one, (name, _) in step.files.items()} or None
            content["data"] = dict(step.fields)
        elif step.raw is not None:
            content["content"] = step.raw
            content["headers"] = {"content-type": "application/json"}
        elif step.body is not None:
            content["json"] = step.body
        return content

    def _save(self, step: Step, answer: Answer, content: bytes) -> None:
        for name, path in step.saves.items():
            found: Any = answer.body
            if path == "$":
                found = content
            else:
                for key in path.split("."):
                    found = _within(found, key)
            if found is not None and answer.status < 300:
                self._saved[name] = found

    def _wait(self, operation: str) -> None:
        until = time.monotonic() + _SETTLE_SECONDS
        pause = threading.Event()
        while time.monotonic() < until:
            banks = ("probe", "probe-other")
            found = [self._client.get(f"/v1/default/banks/{bank}/operations/{operation}").json() for bank in banks]
            states = {one.get("status") for one in found}
            if not states & {"pending", "processing"}:
                return
            pause.wait(0.1)


def _within(found: Any, key: str) -> Any:
    if isinstance(found, list):
        return found[int(key)] if int(key) < len(found) else None
    return found.get(key) if isinstance(found, dict) else None


def _body(response: httpx2.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        pass
    try:
        return {"text": response.content.decode("utf-8")[:200]}
    except UnicodeDecodeError:
        return {"bytes": response.content[:4].hex()}


def is_id(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
