"""A JSON schema that an answer is to have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")


def check_response_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, if an answer can have it.

    Raises:
        ValueError: it is none of an object with properties.
    """
    if schema.get("type", "object") not in ("object", None):
        raise ValueError('response_schema must be an object schema (its "type" must be "object")')
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        raise ValueError("response_schema must define a non-empty 'properties' object")
    for name, wanted in properties.items():
        if not isinstance(wanted, dict):
            raise ValueError(f"response_schema property '{name}' must be an object")  # noqa: TRY004 - pydantic's
        if wanted.get("type") is not None and wanted["type"] not in _TYPES:
            raise ValueError(f"response_schema property '{name}' must have one of the types {', '.join(_TYPES)}")
    return schema


ResponseSchema = Annotated[dict[str, Any], AfterValidator(check_response_schema)]
