"""What a tool is: a function, with the schema, the scope and the bank that its signature and its decorator say.

A tool's first parameter is what it works on: a `Room`, or the `Visitor` for the few that are about all banks. The
others are its arguments: their names, types and defaults are the schema that a client sees. For a connection to one
bank each tool is as it stands; on others a call may name its bank.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from threadline.errors import InputError
from threadline.server.access import Caller, Scope
from threadline.server.house import Tenant

#: What a tool works on: a bank that is there, one that is made where it is missing, or whatever its caller sees.
Subject = Literal["room", "made room", "visitor"]

_Act = TypeVar("_Act", bound=Callable[..., Any])

_BANK = {
    "anyOf": [{"type": "string"}, {"type": "null"}],
    "default": None,
    "description": "The bank to work on; left out: the one this connection is for.",
}


class ToolError(InputError):
    """A tool cannot do what was asked, for a reason that whoever called it can do something about."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who calls, and for which bank.

    Attributes:
        bank: the bank that is meant where a call names none.
        many: whether a call may name another one.
    """

    tenant: Tenant
    caller: Caller
    bank: str
    many: bool


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        act: what it does.
        scope: what a key must be allowed to do, for this to be done with it.
        subject: what `act` is given first.
        destroys: whether it takes something away.
        many: whether it is only for connections to several banks.
    """

    name: str
    description: str
    act: Callable[..., Any]
    scope: Scope
    subject: Subject
    destroys: bool
    many: bool

    @property
    def takes_bank(self) -> bool:
        """Whether it works on one bank, which a call may name."""
        return self.subject != "visitor"

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The arguments as a model, made of the function's signature."""
        fields: dict[str, Any] = {}
        for each in list(inspect.signature(self.act, eval_str=True).parameters.values())[1:]:
            fields[each.name] = (each.annotation, ... if each.default is each.empty else each.default)
        config = ConfigDict(extra="ignore", protected_namespaces=())
        model: type[BaseModel] = create_model(self.name, __config__=config, **fields)
        return model

    def schema(self, *, many: bool) -> dict[str, Any]:
        """The JSON schema of the arguments.

        Args:
            many: whether it is for a connection to several banks.
        """
        found = _without_titles(self.arguments.model_json_schema())
        properties = dict(found.get("properties", {}))
        if many and self.takes_bank:
            properties["bank_id"] = _BANK
        return {**found, "properties": properties}

    def parse(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that were given, checked; what the tool does not know is left out.

        Models tend to explain themselves in arguments nobody asked for, and to write lists as text: neither keeps a
        call from being made.

        Raises:
            ToolError: an argument is missing or of the wrong kind; the message names it.
        """
        properties = self.arguments.model_json_schema().get("properties", {})
        read = {name: _read(value, properties[name]) for name, value in given.items() if name in properties}
        try:
            checked = self.arguments.model_validate(read)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ToolError(f"{self.name}: {where}: {first['msg']}") from error
        return {name: getattr(checked, name) for name in self.arguments.model_fields}


TOOLS: dict[str, Tool] = {}


def tool(
    scope: Scope, *, subject: Subject = "room", destroys: bool = False, many: bool = False
) -> Callable[[_Act], _Act]:
    """Make a tool of a function: its name is the tool's, its docstring is the description."""

    def keep(act: _Act) -> _Act:
        text = inspect.cleandoc(act.__doc__ or "")
        TOOLS[act.__name__] = Tool(act.__name__, text, act, scope, subject, destroys, many)
        return act

    return keep


def said(description: str, **limits: Any) -> Any:
    """What an argument means, for whoever fills it in."""
    return Field(description=description, **limits)


def _read(value: Any, schema: Mapping[str, Any]) -> Any:
    """A list or an object that was written as text; everything else as it is."""
    if not isinstance(value, str):
        return value
    kinds = {each.get("type") for each in (schema, *schema.get("anyOf", ()))}
    wanted = tuple(kind for name, kind in (("array", list), ("object", dict)) if name in kinds)
    if not wanted or (value == "" and "string" in kinds):
        return value
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if isinstance(parsed, wanted):
        return parsed
    return [value] if list in wanted and dict not in wanted else value


def _without_titles(schema: Any) -> Any:
    """A schema without the titles that say each name once more: a model reads every word of it."""
    if isinstance(schema, dict):
        return {
            name: _without_titles(value)
            for name, value in schema.items()
            if not (name == "title" and isinstance(value, str))
        }
    return [_without_titles(each) for each in schema] if isinstance(schema, list) else schema
