"""Changing the configuration of a bank: what routes and MCP call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from threadline.errors import RequestError, UnknownBankError
from threadline.server import configs
from threadline.server.house import Room
from threadline.server.store import configs as store
from threadline.server.wire.shapes.config import EntityLabels, ReflectDefaultOptions
from threadline.server.wire.shapes.mental_models import MentalModelTrigger
from threadline.server.wire.shapes.observations import StrictConsolidationStrategySpec


def validate(updates: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be set, by the fields' own names, once each value is one that its field takes.

    Raises:
        RequestError: a field that is not there, or a value it does not take.
    """
    wanted = configs.validate(updates)
    for name, check in _STRUCTURES.items():
        if wanted.get(name) is not None:
            check(name, wanted[name])
    return wanted


def update(room: Room, updates: Mapping[str, Any]) -> dict[str, Any]:
    """Set fields of a bank's configuration; returns all that is set for it.

    Args:
        updates: what `validate` returned.

    Raises:
        RequestError: what would then be set contradicts itself; nothing was changed.
        UnknownBankError: the bank was deleted.
    """
    after = store.edit(room.tenant.database, room.uid, lambda overrides: configs.merge(overrides, updates))
    if after is None:
        raise UnknownBankError(f"Bank '{room.id}' not found")
    return after


def reset(room: Room) -> None:
    """Take back all that is set for a bank."""
    store.edit(room.tenant.database, room.uid, lambda _: {})


def overrides(room: Room) -> dict[str, Any]:
    """What is set for a bank."""
    return store.overrides(room.tenant.database, room.uid)


def _check_labels(name: str, value: Any) -> None:
    labels = value.get("attributes", []) if isinstance(value, dict) else value
    try:
        TypeAdapter(EntityLabels).validate_python(labels)
    except ValidationError as error:
        raise RequestError(f"Invalid {name} format: {problems(error, 'labels')}") from error


def _check_strategies(name: str, value: Any) -> None:  # noqa: ARG001 - one of several with this signature
    for index, entry in enumerate(value):
        try:
            StrictConsolidationStrategySpec.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "entry"
            message = f"Invalid consolidation strategy at index {index}: {where}: {first['msg']}"
            raise RequestError(message) from error


def _check_as(shape: type[BaseModel], noun: str) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        unknown = sorted(set(value) - set(shape.model_fields))
        if unknown:
            raise RequestError(f"{name} has unknown fields: {', '.join(unknown)}")
        try:
            shape.model_validate(value)
        except ValidationError as error:
            raise RequestError(f"Invalid {name}: {problems(error, noun)}") from error

    return check


def problems(error: ValidationError, noun: str = "") -> str:
    """What is wrong, each with its place.

    Args:
        noun: what to say for the whole.
    """
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or noun}: {each['msg']}" for each in error.errors())


_STRUCTURES: Mapping[str, Callable[[str, Any], None]] = {
    "entity_labels": _check_labels,
    "consolidation_strategies": _check_strategies,
    "knowledge_page_default_trigger": _check_as(MentalModelTrigger, "trigger"),
    "reflect_default_options": _check_as(ReflectDefaultOptions, "options"),
}
