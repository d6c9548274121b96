"""The OpenAPI document: FastAPI's, and how every route refuses."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

_REFUSED: dict[str, Any] = {
    "title": "Refused",
    "description": "Why a request was refused, or what failed.",
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "anyOf": [
                {"type": "string", "description": "In words."},
                {"type": "array", "items": {"type": "object"}, "description": "Field by field."},
                {"type": "object"},
            ]
        }
    },
}
_ANSWERS = {
    status: {
        "description": told,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}},
    }
    for status, told in (("4XX", "Refused: the detail says why."), ("5XX", "Failed: the detail says what to do."))
}


class Documented(FastAPI):
    """An app whose document has the answers of every route, and not those alone of when all goes well."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for operation in (one for path in document["paths"].values() for one in path.values()):
                if "4XX" not in operation["responses"]:  # session routes tell their errors in their own way
                    operation["responses"].pop("422", None)
                    operation["responses"].update(_ANSWERS)
            document.setdefault("components", {}).setdefault("schemas", {})["Refused"] = _REFUSED
        return super().openapi()
