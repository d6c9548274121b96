"""The wire to a fake Hindsight server in the same process: no client, no sockets, no threads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from threadline.backends.hindsight.client import translated
from threadline.backends.hindsight.wire import Found, Operation
from threadline.errors import ClosedError

from .fake import Answer, FakeHindsight


class DirectWire:
    """Implements `Wire` on a `FakeHindsight`."""

    def __init__(self, server: FakeHindsight) -> None:
        self._server = server
        self._closed = False

    def version(self) -> str:
        return str(self._need("GET", "/version").body["api_version"])

    def put_bank(self, bank: str, missions: Mapping[str, str]) -> None:
        self._need("PUT", _path(bank), dict(missions))

    def retain(self, bank: str, item: Mapping[str, Any], operation: str | None) -> None:
        body = {"items": [dict(item)], "async": operation is not None, "operation_id": operation}
        self._need("POST", _path(bank, "memories"), body)

    def operation(self, bank: str, operation: str) -> Operation:
        body = self._need("GET", _path(bank, "operations", operation)).body
        return Operation(body["status"], body["error_message"])

    def retry(self, bank: str, operation: str) -> None:
        self._ask("POST", _path(bank, "operations", operation, "retry"))

    def has_document(self, bank: str, document: str) -> bool:
        return self._ask("GET", _path(bank, "documents", document)).status == 200

    def documents(self, bank: str, tag: str | None = None) -> list[str]:
        query = {"limit": ["100000"], **({} if tag is None else {"tags": [tag], "tags_match": ["any_strict"]})}
        answer = self._ask("GET", _path(bank, "documents"), query=query)
        return [] if answer.status == 404 else [item["id"] for item in answer.body["items"]]

    def delete_document(self, bank: str, document: str) -> None:
        self._ask("DELETE", _path(bank, "documents", document))

    def delete_bank(self, bank: str) -> None:
        self._need("DELETE", _path(bank))

    def recall(self, bank: str, request: Mapping[str, Any]) -> Found:
        answer = self._ask("POST", _path(bank, "memories", "recall"), dict(request))
        return Found() if answer.status == 404 else Found(answer.body["results"])

    def reflect(self, bank: str, request: Mapping[str, Any]) -> Found:
        body = self._need("POST", _path(bank, "reflect"), dict(request)).body
        return Found(body["based_on"]["memories"], text=body["text"])

    def stats(self, bank: str) -> tuple[int, int]:
        answer = self._ask("GET", _path(bank, "stats"))
        return (0, 0) if answer.status == 404 else (answer.body["total_documents"], answer.body["total_nodes"])

    def close(self) -> None:
        self._closed = True

    def _need(self, method: str, path: str, body: object = None) -> Answer:
        answer = self._ask(method, path, body)
        if not 200 <= answer.status <= 299:
            raise translated(answer.status, json.dumps(answer.body), answer.headers, "the fake")
        return answer

    def _ask(
        self, method: str, path: str, body: object = None, query: Mapping[str, Sequence[str]] | None = None
    ) -> Answer:
        if self._closed:
            raise ClosedError("The wire was closed.")
        return self._server.handle(method, path, query or {}, b"" if body is None else json.dumps(body).encode())


def _path(bank: str, *parts: str) -> str:
    return "/".join(["/v1/default/banks", *(quote(part, safe="") for part in (bank, *parts))])
