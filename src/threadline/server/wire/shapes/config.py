"""The shapes of a bank's configuration, and of what can stand in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from threadline.server.wire.base import WireBody, WireShape

Kind = Literal["value", "multi-values", "text", "multi-text", "map"]


class LabelValue(WireShape):
    """A value that a label may have."""

    value: str
    description: str = ""


class MapField(WireShape):
    """A field of a label that has several."""

    type: Kind = "text"
    description: str = ""
    values: list[LabelValue] = []
    fields: dict[str, MapField] = {}


class LabelGroup(WireShape):
    """A label, and the values it may have."""

    key: str
    description: str = ""
    type: Kind = "value"
    optional: bool = True
    tag: bool = False
    values: list[LabelValue] = []
    fields: dict[str, MapField] = {}


def as_labels(value: Any) -> Any:
    """Labels with the type by its present name: it was told by two flags once."""
    return [_as_label(each) for each in value] if isinstance(value, list) else value


def _as_label(value: Any) -> Any:
    if not isinstance(value, dict) or "type" in value:
        return value
    flags = {name: bool(value.get(name)) for name in ("free_values", "multi_value")}
    kind = "text" if flags["free_values"] else "multi-values" if flags["multi_value"] else "value"
    return {**{name: each for name, each in value.items() if name not in flags}, "type": kind}


#: The labels of a bank.
EntityLabels = Annotated[list[LabelGroup], BeforeValidator(as_labels)]


class ReflectDefaultOptions(WireShape):
    """What a reflect of the bank takes where its request does not say."""

    reflect_search_observations_max_tokens: int | None = Field(default=None, ge=1)
    reflect_search_observations_include_entities: bool | None = None


class BankConfigUpdate(WireBody):
    """What is to be set; null takes back what was set."""

    updates: dict[str, Any] = Field(
        description="By the fields' names, or by the environment variables that Hindsight has for them"
    )


class BankConfigResponse(WireShape):
    """The configuration of a bank."""

    bank_id: str
    config: dict[str, Any] = Field(description="What holds: what is set, over the defaults")
    overrides: dict[str, Any] = Field(description="What is set for this bank")
