"""How two answers differ in what a client can tell: status, headers, the shape of what succeeded, the words of what
was refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.wire.record import Answer, is_id

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+\d\d:\d\d|Z)?")
# A body is packed from this size on; where the two stand on different sides of it, they may differ.
_PACKED = 1000
# Maps whose keys are data: names of entities, ids of chunks, tags.
_MAPS = re.compile(r"(^|\.)(entities|chunks|source_facts|metadata|document_metadata)$")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two answers.

    Attributes:
        kind: status, header, missing, extra, type, null, empty, text, or unsent.
        where: the header, or the path within the body.
        theirs, ours: what it is on each side.
    """

    step: str
    kind: str
    where: str
    theirs: str
    ours: str


def differences(step: str, theirs: Answer, ours: Answer) -> Iterator[Difference]:
    """All of them; those of the body are left out where the statuses differ in kind."""
    if theirs.missing or ours.missing:
        if theirs.missing != ours.missing:
            yield Difference(step, "unsent", "", theirs.missing or "sent", ours.missing or "sent")
        return
    if theirs.status != ours.status:
        yield Difference(step, "status", "", _told(theirs), _told(ours))
    if theirs.status // 100 == ours.status // 100:
        yield from _headers(step, theirs, ours)
    if theirs.status == ours.status >= 400:
        one, other = _plain(json.dumps(theirs.body, sort_keys=True)), _plain(json.dumps(ours.body, sort_keys=True))
        if one != other:
            yield Difference(step, "text", "", one, other)
    elif theirs.status < 400 and ours.status < 400:
        yield from _shapes(step, "", theirs.body, ours.body)


def _headers(step: str, theirs: Answer, ours: Answer) -> Iterator[Difference]:
    for name in sorted({*theirs.headers, *ours.headers}):
        one, other = theirs.headers.get(name), ours.headers.get(name)
        if name == "content-encoding" and (theirs.size < _PACKED) != (ours.size < _PACKED):
            continue
        if name == "content-disposition":
            one, other = _plain(one or ""), _plain(other or "")
        if one != other:
            yield Difference(step, "header", name, str(one), str(other))


def _told(answer: Answer) -> str:
    detail = answer.body.get("detail") if isinstance(answer.body, dict) and answer.status >= 400 else None
    return f"{answer.status}" + (f" {_plain(json.dumps(detail))}" if detail is not None else "")


def _plain(text: str) -> str:
    """A text without what is different each time."""
    return _TIME.sub("<time>", _ID.sub("<id>", text))


def _shapes(step: str, where: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    kinds = _kind(theirs), _kind(ours)
    if kinds[0] != kinds[1]:
        kind = "null" if "null" in kinds else "type"
        yield Difference(step, kind, where, _short(theirs), _short(ours))
    elif isinstance(theirs, dict):
        yield from _objects(step, where, theirs, ours)
    elif isinstance(theirs, list):
        yield from _lists(step, where, theirs, ours)


def _objects(step: str, where: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[Difference]:
    if _MAPS.search(where) or (theirs and all(map(is_id, theirs))):
        yield from _lists(step, where, list(theirs.values()), list(ours.values()))
        return
    for name in theirs:
        inner = f"{where}.{name}" if where else name
        if name not in ours:
            yield Difference(step, "missing", inner, _short(theirs[name]), "-")
        else:
            yield from _shapes(step, inner, theirs[name], ours[name])
    for name in ours:
        if name not in theirs:
            yield Difference(step, "extra", f"{where}.{name}" if where else name, "-", _short(ours[name]))


def _lists(step: str, where: str, theirs: list[Any], ours: list[Any]) -> Iterator[Difference]:
    if not theirs or not ours:
        if bool(theirs) != bool(ours):
            yield Difference(step, "empty", where, f"{len(theirs)} items", f"{len(ours)} items")
        return
    found: dict[tuple[str, str], Difference] = {}
    for one, other in _pairs(theirs, ours):
        for difference in _shapes(step, f"{where}[]", one, other):
            found.setdefault((difference.kind, difference.where), difference)
    yield from found.values()


def _pairs(theirs: list[Any], ours: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Items that belong together: by what names them, else by their place."""
    names = [_name(item) for item in ours]
    left = list(range(len(ours)))
    for place, one in enumerate(theirs):
        name = _name(one)
        match = next((at for at in left if name is not None and names[at] == name), None)
        if match is None and name is None and place < len(ours):
            match = place
        if match is not None:
            if match in left:
                left.remove(match)
            yield one, ours[match]
    if len(left) == len(ours):  # none belongs together
        yield theirs[0], ours[0]


def _name(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    for key in ("text", "canonical_name", "name", "tag", "document_id", "bank_id", "alias", "url", "phase_name"):
        if isinstance(item.get(key), str):
            return f"{key}:{item[key]}"
    if isinstance(item.get("id"), str) and not is_id(item["id"]):
        return f"id:{item['id']}"
    return None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def _short(value: Any) -> str:
    text = _plain(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 80 else f"{text[:77]}..."
