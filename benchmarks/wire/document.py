"""How two OpenAPI documents differ, and whether an answer is what the document says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from benchmarks.wire.compare import Difference
from benchmarks.wire.record import Answer
from benchmarks.wire.script import Step

_METHODS = ("get", "put", "post", "patch", "delete")


def operations(document: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The operations of a document, by method and path."""
    return {
        (method, path): item[method]
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    }


def operation_of(document: Mapping[str, Any], step: Step) -> Mapping[str, Any] | None:
    """The operation that a step calls; one whose path has fewer variables before others."""
    wanted = step.path.replace("~", "/v1/default/banks/probe", 1)
    found = [
        (path.count("{"), path)
        for method, path in operations(document)
        if method == step.method.lower() and re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)), wanted)
    ]
    return operations(document)[step.method.lower(), min(found)[1]] if found else None


def document_differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[Difference]:
    """What our document lacks of theirs or says otherwise; routes of our own are left out."""
    own = operations(ours)
    for (method, path), operation in operations(theirs).items():
        step = f"{method.upper()} {path.replace('/v1/default/banks/{bank_id}', '~')}"
        mine = own.get((method, path))
        if mine is None:
            yield Difference(step, "document", "", "a route", "-")
            continue
        pairs = {
            **_pair("parameters", _parameters(theirs, operation), _parameters(ours, mine)),
            **_pair("body", _fields(theirs, _request(operation)), _fields(ours, _request(mine))),
            **_pair("answer", _fields(theirs, _answer(operation)), _fields(ours, _answer(mine))),
        }
        for where, (one, other) in pairs.items():
            if one != other:
                yield Difference(step, "document", where, one or "-", other or "-")


def _pair(kind: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {f"{kind} {name}": (theirs.get(name), ours.get(name)) for name in {**theirs, **ours}}


def _parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{one['in']} {one['name']}": _words(document, one["schema"], required=one.get("required", False))
        for one in operation.get("parameters", ())
        if one["in"] != "header"  # `authorization` is the only one
    }


def _request(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    return _schema(operation.get("requestBody", {}).get("content", {}))


def _answer(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    good = [answer for status, answer in operation.get("responses", {}).items() if status[0] == "2"]
    return _schema(good[0].get("content", {})) if good else {}


def _schema(content: Mapping[str, Any]) -> Mapping[str, Any]:
    body: Mapping[str, Any] = next(iter(content.values()), {"schema": {}})
    found: Mapping[str, Any] = body.get("schema", {})
    return found


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a body, one level deep, each in words."""
    whole = _resolved(document, schema)
    required = whole.get("required", ())
    return {name: _words(document, one, required=name in required) for name, one in whole.get("properties", {}).items()}


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return _resolved(document, kinds[0]) if len(kinds) == 1 else schema


def _words(document: Mapping[str, Any], schema: Mapping[str, Any], *, required: bool) -> str:
    kinds = schema.get("anyOf") or schema.get("oneOf") or [schema]
    types = sorted({str(_resolved(document, one).get("type", "any")) for one in kinds})
    enum = sorted(str(value) for one in kinds for value in _resolved(document, one).get("enum", ()))
    default = f", default {schema['default']!r}" if "default" in schema else ""
    bounds = [
        f", {name} {one[name]:g}"
        for one in kinds
        for name in ("minimum", "maximum", "minLength", "maxLength", "exclusiveMinimum")
        if name in one
    ]
    return " or ".join(types) + (f" of {enum}" if enum else "") + default + "".join(bounds) + (", required" * required)


def misfits(document: Mapping[str, Any], step: Step, answer: Answer) -> Iterator[Difference]:
    """What of our answer Hindsight's own document does not allow."""
    operation = operation_of(document, step)
    if operation is None or answer.status >= 300 or answer.missing:
        return
    schema = _schema(operation["responses"].get(str(answer.status), {}).get("content", {}))
    if not schema:
        return
    validator = Draft202012Validator({**schema, "components": document["components"]})
    for error in validator.iter_errors(answer.body):
        where = ".".join("[]" if isinstance(key, int) else str(key) for key in error.absolute_path)
        yield Difference(step.name, "schema", where, "-", error.message[:120])
