"""A Hindsight server in memory, without sockets, threads or a model: the routes that Threadline and Hermes call.

Field names, status codes and bodies are those of the real server 1.1.0; `test_real.py` runs the same checks on that.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .bank import Bank, match_tags, words

_BANK = r"/v1/default/banks/(?P<bank>[^/]+)"
_OPERATIONS_SINCE, _APPEND_SINCE = (0, 8, 6), (0, 5, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: Any


@dataclass(slots=True)
class Operation:
    """An asynchronous retain."""

    id: str
    bank: str
    items: list[dict[str, Any]]
    status: str = "pending"
    error: str | None = None
    waits: bool = True


class _Refused(Exception):  # noqa: N818 - control flow within this module
    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(detail)
        self.answer = Answer(status, {"detail": detail})


class FakeHindsight:
    """A server. Any thread may call it.

    Args:
        version: which version it says that it is, and behaves like: operation ids since 0.8.6, append since 0.5.0.
        auto_run: whether an asynchronous retain is carried out at once; else `run_next_operation` does it.
        reflects: whether it has a model.
    """

    def __init__(self, version: str = "1.1.0", *, auto_run: bool = True, reflects: bool = False) -> None:
        self.version = version
        self.auto_run = auto_run
        self.reflects = reflects
        self.fail_operations = 0
        self.log: list[Request] = []
        self.banks: dict[str, Bank] = {}
        self.operations: dict[str, Operation] = {}
        self._lock = threading.RLock()

    # For tests

    def texts(self, bank: str) -> dict[str, str]:
        """What each document holds."""
        with self._lock:
            found = self.banks.get(bank)
            return {} if found is None else {name: document.text for name, document in found.documents.items()}

    @property
    def pending(self) -> int:
        """How many operations wait."""
        return sum(operation.waits for operation in self.operations.values())

    def run_next_operation(self) -> bool:
        """Carry out the oldest operation that waits; False when there is none."""
        with self._lock:
            waiting = [operation for operation in self.operations.values() if operation.waits]
            if not waiting:
                return False
            operation = waiting[0]
            operation.waits = False
            status, error = "completed", None
            if self.fail_operations:
                self.fail_operations -= 1
                status, error = "failed", "the model did not answer"
            else:
                self._write(operation.bank, operation.items)
            if operation.status != "cancelled":
                operation.status, operation.error = status, error
            return True

    # The wire

    def handle(self, method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes) -> Answer:
        """Answer a request."""
        try:
            content = json.loads(body) if body else None
        except ValueError:
            return Answer(422, {"detail": "The body is no JSON"})
        request = Request(method, unquote(path), query, content)
        with self._lock:
            self.log.append(request)
            for verb, pattern, name in _ROUTES:
                found = re.fullmatch(pattern, path)
                if found and verb == method:
                    parts = {part: unquote(value) for part, value in found.groupdict().items()}
                    try:
                        answer: Answer = getattr(self, name)(request, **parts)
                    except _Refused as refused:
                        return refused.answer
                    return answer
        return Answer(404, {"detail": "Not Found"})

    def _health(self, _request: Request) -> Answer:
        return Answer(200, {"status": "healthy", "database": "connected"})

    def _tell_version(self, _request: Request) -> Answer:
        return Answer(200, {"api_version": self.version, "features": {"observations": False, "worker": True}})

    def _list_banks(self, _request: Request) -> Answer:
        banks = [{"bank_id": name} for name in self.banks]
        return Answer(200, {"banks": banks, "total": len(banks), "limit": 100, "offset": 0})

    def _put_bank(self, request: Request, bank: str) -> Answer:
        held = self.banks.setdefault(bank, Bank())
        held.missions.update(request.body or {})
        disposition = {"skepticism": 3, "literalism": 3, "empathy": 3}
        return Answer(200, {"bank_id": bank, "name": bank, "disposition": disposition, "mission": "", "background": ""})

    def _config(self, request: Request, bank: str) -> Answer:
        held = self.banks.setdefault(bank, Bank())
        held.missions.update((request.body or {}).get("updates") or {})
        return Answer(200, {"bank_id": bank, "config": held.missions, "overrides": held.missions})

    def _delete_bank(self, _request: Request, bank: str) -> Answer:
        gone = self.banks.pop(bank, Bank())
        self.operations = {name: one for name, one in self.operations.items() if one.bank != bank}
        message = f"Bank '{bank}' and all associated data deleted successfully"
        count = len(gone.documents) + len(gone.memories(bank))
        return Answer(200, {"success": True, "message": message, "deleted_count": count})

    def _stats(self, _request: Request, bank: str) -> Answer:
        held = self._bank(bank)
        memories = len(held.memories(bank))
        return Answer(200, {"bank_id": bank, "total_nodes": memories, "total_documents": len(held.documents)})

    def _retain(self, request: Request, bank: str) -> Answer:
        items = [dict(item) for item in request.body["items"]]
        for item in items:
            if not str(item.get("content") or "").strip():
                raise _Refused(422, [{"loc": ["body", "items", 0, "content"], "msg": "content cannot be empty"}])
            if item.get("update_mode") == "append" and not item.get("document_id"):
                raise _Refused(400, "update_mode='append' requires a document_id")
        answer = {"success": True, "bank_id": bank, "items_count": len(items), "async": False, "operation_id": None}
        if not request.body.get("async"):
            self.banks.setdefault(bank, Bank())
            self._write(bank, items)
            return Answer(200, answer)
        operation = self._submit(bank, items, request.body.get("operation_id"))
        return Answer(200, {**answer, "async": True, "operation_id": operation})

    def _submit(self, bank: str, items: list[dict[str, Any]], operation_id: str | None) -> str:
        if operation_id is None or self._is_older_than(_OPERATIONS_SINCE):
            operation_id = str(uuid.uuid4())
        try:
            operation_id = str(uuid.UUID(operation_id))
        except ValueError as error:
            raise _Refused(422, [{"loc": ["body", "operation_id"], "msg": "must be a valid UUID"}]) from error
        known = self.operations.get(operation_id)
        if known is not None:
            if known.bank != bank:
                raise _Refused(409, f"operation_id {operation_id} is already in use")
            return operation_id
        self.banks.setdefault(bank, Bank())
        self.operations[operation_id] = Operation(operation_id, bank, items)
        if self.auto_run:
            while self.run_next_operation():
                pass
        return operation_id

    def _operation(self, _request: Request, bank: str, operation: str) -> Answer:
        found = self._find_operation(bank, operation)
        if found is None:
            body = {"operation_id": operation, "status": "not_found", "operation_type": None, "error_message": None}
        else:
            kind = {"operation_type": "batch_retain", "error_message": found.error}
            body = {"operation_id": operation, "status": found.status, **kind}
        return Answer(200, body)

    def _retry(self, _request: Request, bank: str, operation: str) -> Answer:
        found = self._find_operation(bank, operation)
        if found is None:
            raise _Refused(404, f"Operation {operation} not found for bank {bank}")
        if found.status != "failed" and not (found.status == "cancelled" and found.waits):
            raise _Refused(
                409, f"Operation {operation} is a batch_retain parent with no incomplete sub-batches to retry"
            )
        found.status, found.error, found.waits = "pending", None, True
        if self.auto_run:
            self.run_next_operation()
        return Answer(200, {"success": True, "message": f"Operation {operation} queued for retry"})

    def _cancel(self, _request: Request, bank: str, operation: str) -> Answer:
        found = self._find_operation(bank, operation)
        if found is None:
            raise _Refused(404, f"Operation {operation} not found for bank {bank}")
        if found.status not in ("pending", "processing"):
            raise _Refused(409, f"Operation {operation} cannot be cancelled: status is '{found.status}'")
        found.status = "cancelled"  # of the parent alone: its child, which does the work, goes on
        return Answer(200, {"success": True})

    def _documents(self, request: Request, bank: str) -> Answer:
        held = self._bank(bank)
        part = _one(request, "q", "").casefold()
        tags, mode = list(request.query.get("tags", ())), _one(request, "tags_match", "any_strict")
        found = [
            {
                "id": name,
                "bank_id": bank,
                "text_length": len(document.text),
                "memory_unit_count": len(document.chunks),
                "document_metadata": document.metadata or None,
                "tags": document.tags,
            }
            for name, document in held.documents.items()
            if (part in name.casefold() or part in document.text.casefold())
            and (not tags or match_tags(document.tags, tags, mode))
        ]
        offset, limit = int(_one(request, "offset", "0")), int(_one(request, "limit", "100"))
        body = {"items": found[offset : offset + limit], "total": len(found), "limit": limit, "offset": offset}
        return Answer(200, body)

    def _document(self, _request: Request, bank: str, document: str) -> Answer:
        held = self.banks.get(bank, Bank()).documents.get(document)
        if held is None:
            raise _Refused(404, "Document not found")
        return Answer(
            200,
            {
                "id": document,
                "bank_id": bank,
                "original_text": held.text,
                "content_hash": str(held.written),
                "created_at": "2026-01-01T00:00:00+00:00",
                "updated_at": "2026-01-01T00:00:00+00:00",
                "memory_unit_count": len(held.chunks),
                "tags": held.tags,
                "document_metadata": held.metadata or None,
            },
        )

    def _delete_document(self, _request: Request, bank: str, document: str) -> Answer:
        held = self.banks.get(bank, Bank()).documents.pop(document, None)
        if held is None:
            raise _Refused(404, "Document not found")
        count = len(held.chunks)
        message = f"Document '{document}' and {count} associated memory units deleted successfully"
        return Answer(
            200, {"success": True, "message": message, "document_id": document, "memory_units_deleted": count}
        )

    def _recall(self, request: Request, bank: str) -> Answer:
        if not words(str(request.body.get("query") or "")):
            raise _Refused(422, [{"loc": ["body", "query"], "msg": "query must contain at least one word character"}])
        if request.body.get("tags") is not None and request.body.get("tag_groups") is not None:
            raise _Refused(422, [{"loc": ["body"], "msg": "'tags' and 'tag_groups' are mutually exclusive"}])
        results = self._bank(bank).recall(bank, request.body)
        return Answer(200, {"results": results, "source_facts": None, "entities": None, "chunks": None, "trace": None})

    def _reflect(self, request: Request, bank: str) -> Answer:
        if not self.reflects:
            raise _Refused(400, "Reflect requires an LLM provider. Current provider is set to 'none'.")
        results = self._bank(bank).recall(bank, request.body)[:3]
        text = " ".join(result["text"] for result in results)
        return Answer(200, {"text": text, "based_on": {"memories": results, "mental_models": [], "directives": []}})

    # Parts of the above

    def _bank(self, bank: str) -> Bank:
        held = self.banks.get(bank)
        if held is None:
            raise _Refused(404, f"Bank '{bank}' not found")
        return held

    def _find_operation(self, bank: str, operation: str) -> Operation | None:
        try:
            found = self.operations.get(str(uuid.UUID(operation)))
        except ValueError as error:
            raise _Refused(400, f"Invalid operation_id format: {operation}") from error
        return found if found is not None and found.bank == bank else None

    def _write(self, bank: str, items: Sequence[Mapping[str, Any]]) -> None:
        held = self.banks.setdefault(bank, Bank())
        for item in items:
            append = item.get("update_mode") == "append" and not self._is_older_than(_APPEND_SINCE)
            held.write(item, item.get("document_id") or str(uuid.uuid4()), append)

    def _is_older_than(self, version: tuple[int, ...]) -> bool:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3]) < version


def _one(request: Request, name: str, default: str) -> str:
    values = request.query.get(name)
    return values[0] if values else default


_ROUTES = (
    ("GET", "/health", "_health"),
    ("GET", "/version", "_tell_version"),
    ("GET", "/v1/default/banks", "_list_banks"),
    ("PUT", _BANK, "_put_bank"),
    ("PATCH", _BANK, "_put_bank"),
    ("DELETE", _BANK, "_delete_bank"),
    ("GET", f"{_BANK}/config", "_config"),
    ("PATCH", f"{_BANK}/config", "_config"),
    ("GET", f"{_BANK}/stats", "_stats"),
    ("POST", f"{_BANK}/memories", "_retain"),
    ("POST", f"{_BANK}/memories/recall", "_recall"),
    ("POST", f"{_BANK}/reflect", "_reflect"),
    ("GET", f"{_BANK}/operations/(?P<operation>[^/]+)", "_operation"),
    ("POST", f"{_BANK}/operations/(?P<operation>[^/]+)/retry", "_retry"),
    ("DELETE", f"{_BANK}/operations/(?P<operation>[^/]+)", "_cancel"),
    ("GET", f"{_BANK}/documents", "_documents"),
    ("GET", f"{_BANK}/documents/(?P<document>.+)", "_document"),
    ("DELETE", f"{_BANK}/documents/(?P<document>.+)", "_delete_document"),
)
