"""The configuration of a bank: its fields, their defaults, and what may be set.

The fields are Hindsight's, and its defaults those of a server without a language model. docs/server.md says which of
them mean something here; the others are kept and returned, for the day there is a model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from threadline.database import Database
from threadline.errors import RequestError
from threadline.server.store import configs

#: How text can become memories. Without a language model it is `chunks`, whatever is set.
MODES = ("concise", "verbose", "custom", "verbatim", "chunks")

#: What `observation_scopes` can be, besides lists of tags.
SCOPES = ("combined", "per_tag", "all_combinations", "shared")

_ACTIONS = ("allow", "block", "redact")
_FUNCTIONS = ("adaptive", "fixed")
_TRAITS = ("disposition_skepticism", "disposition_literalism", "disposition_empathy")
_PREFIX = "HINDSIGHT_API_"
_SECRETS = ("_api_key", "_base_url", "_service_account_key", "_members", "_litellmrouter_config", "_auth_token")

#: What a rule of `memory_defense` is about. Others are kept: they have no meaning here.
_SECRETS_OF_TEXT = "sensitive_data"

_KEPT = "Kept, and returned"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a bank's configuration.

    Attributes:
        types: what it takes, besides null, which means the default.
        says: what it means here.
    """

    default: Any
    types: tuple[type, ...]
    says: str = _KEPT


FIELDS: Mapping[str, Field] = {
    "audit_log_enabled": Field(False, (bool,), "Whether what is asked of the bank is written to its audit log"),
    "consolidation_llm_batch_size": Field(8, (int,)),
    "consolidation_llm_parallelism": Field(4, (int,)),
    "consolidation_max_memories_per_round": Field(100, (int,)),
    "consolidation_source_facts_max_tokens": Field(4096, (int,)),
    "consolidation_source_facts_max_tokens_per_observation": Field(256, (int,)),
    "consolidation_strategies": Field(None, (list,)),
    "consolidation_use_decision_model": Field(True, (bool,)),
    "default_observation_scopes": Field(None, (str, list)),
    "disposition_empathy": Field(None, (int,)),
    "disposition_literalism": Field(None, (int,)),
    "disposition_skepticism": Field(None, (int,)),
    "enable_auto_consolidation": Field(True, (bool,)),
    "enable_graph_retrieval": Field(True, (bool,)),
    "enable_observations": Field(False, (bool,)),
    "enable_reranking": Field(True, (bool,)),
    "enable_temporal_retrieval": Field(True, (bool,)),
    "enable_text_search": Field(True, (bool,)),
    "entities_allow_free_form": Field(True, (bool,)),
    "entity_labels": Field(None, (list, dict)),
    "knowledge_page_default_trigger": Field(None, (dict,), "How a new knowledge page is refreshed"),
    "llm_gemini_safety_settings": Field(None, (list,)),
    "max_observations_per_scope": Field(-1, (int,)),
    "mcp_enabled_tools": Field(None, (list,), "The only tools that MCP offers for the bank; null: all"),
    "memory_defense": Field(
        None, (dict,), "Rules on sensitive_data: redact takes secrets out of what is retained, block refuses it"
    ),
    "mental_model_delta_use_decision_model": Field(True, (bool,)),
    "mental_model_min_refresh_interval_seconds": Field(
        0, (int,), "The least time between two refreshes of a mental model that nobody asked for"
    ),
    "mental_model_refresh_use_decision_model": Field(True, (bool,)),
    "observation_scope_limits": Field(None, (list,)),
    "observations_mission": Field(None, (str,)),
    "recall_budget_adaptive_high": Field(0.25, (float,)),
    "recall_budget_adaptive_low": Field(0.025, (float,)),
    "recall_budget_adaptive_mid": Field(0.075, (float,)),
    "recall_budget_fixed_high": Field(1000, (int,)),
    "recall_budget_fixed_low": Field(100, (int,)),
    "recall_budget_fixed_mid": Field(300, (int,)),
    "recall_budget_function": Field("fixed", (str,)),
    "recall_budget_max": Field(2000, (int,)),
    "recall_budget_min": Field(20, (int,)),
    "recall_chunks_max_tokens": Field(1000, (int,)),
    "recall_include_chunks": Field(True, (bool,)),
    "recall_max_tokens": Field(2048, (int,)),
    "recall_prefer_observations": Field(False, (bool,)),
    "reflect_default_options": Field(None, (dict,)),
    "reflect_mission": Field(None, (str,)),
    "reflect_source_facts_max_tokens": Field(-1, (int,)),
    "reflect_use_decision_model": Field(True, (bool,)),
    "retain_chunk_batch_size": Field(100, (int,)),
    "retain_chunk_size": Field(3000, (int,), "The most characters of a chunk of a document"),
    "retain_custom_instructions": Field(None, (str,)),
    "retain_default_strategy": Field(None, (str,), "The strategy of a retain that names none"),
    "retain_extraction_mode": Field("chunks", (str,)),
    "retain_max_attachments_per_chunk": Field(8, (int,)),
    "retain_mission": Field(None, (str,)),
    "retain_strategies": Field(None, (dict,), "By their names, fields that hold for the retains which name them"),
    "retain_structured_chunk_size": Field(None, (int,)),
    "store_document_text": Field(True, (bool,)),
}

DEFAULTS: Mapping[str, Any] = {name: field.default for name, field in FIELDS.items()}

_SOME = ", ".join(repr(name) for name in sorted(FIELDS)[:10])
_NAMED = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list", dict: "an object"}

#: The fields that hold a size, which nothing can be done with below 1.
_SIZES = (
    "retain_chunk_size",
    "retain_structured_chunk_size",
    "retain_max_attachments_per_chunk",
)
_BUDGETS = (
    "recall_budget_fixed_low",
    "recall_budget_fixed_mid",
    "recall_budget_fixed_high",
    "recall_budget_adaptive_low",
    "recall_budget_adaptive_mid",
    "recall_budget_adaptive_high",
    "recall_budget_min",
    "recall_budget_max",
)


def effective(database: Database, bank: str) -> dict[str, Any]:
    """The configuration of a bank: what is set for it, over the defaults."""
    return over_defaults(configs.overrides(database, bank))


def over_defaults(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, over the defaults."""
    return {**DEFAULTS, **deepcopy(dict(overrides))}


def with_strategy(config: Mapping[str, Any], strategy: str | None) -> dict[str, Any]:
    """The configuration of a retain: that of the bank, with what its strategy says.

    Args:
        strategy: its name; None: the bank's own default strategy. One that the bank does not have changes nothing.
    """
    name = strategy or config["retain_default_strategy"]
    chosen = (config["retain_strategies"] or {}).get(name)
    says = normalised(chosen) if isinstance(chosen, Mapping) else {}
    return {**config, **{field: value for field, value in says.items() if field in FIELDS and value is not None}}


def defense(config: Mapping[str, Any]) -> frozenset[str]:
    """What is done to a text with secrets in it: `redact`, `block`, or nothing."""
    policy = config["memory_defense"] or {}
    rules = policy.get("rules") or () if policy.get("enabled") else ()
    return frozenset(rule["action"] for rule in rules if rule["on"] == _SECRETS_OF_TEXT) - {"allow"}


def normalised(updates: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by their own names: they may be given as the environment variables of Hindsight, too."""
    return {name.removeprefix(_PREFIX).lower(): value for name, value in updates.items()}


def validate(updates: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be set, by the fields' own names, once each value is one that its field takes.

    The structure of lists and objects is looked at by `threadline.server.configuring`.

    Raises:
        RequestError: a field that is not there, or a value it does not take.
    """
    wanted = normalised(updates)
    _known(wanted)
    _check_text(wanted)
    given = {name: value for name, value in wanted.items() if value is not None}
    _check_types(given)
    for check in _CHECKS:
        check(given)
    return wanted


def merge(overrides: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
    """What is set once these updates are: null takes back what was set.

    Raises:
        RequestError: what is then set contradicts itself.
    """
    merged = {name: value for name, value in {**overrides, **updates}.items() if value is not None}
    after = over_defaults(merged)
    least, most = after["recall_budget_min"], after["recall_budget_max"]
    if least > most:
        raise RequestError(f"recall_budget_min ({least}) must be <= recall_budget_max ({most})")
    return merged


def _check_types(values: Mapping[str, Any]) -> None:
    """Look at the types of values.

    Raises:
        RequestError: one is not what its field takes.
    """
    for name, value in values.items():
        types = FIELDS[name].types if name in FIELDS else ()
        if types and not _is_one_of(value, types):
            wanted = " or ".join(_NAMED[each] for each in types)
            raise RequestError(f"{name} must be {wanted}, got {type(value).__name__}")


def _check_sizes(values: Mapping[str, Any]) -> None:
    """Look at the sizes among values.

    Raises:
        RequestError: one is below 1.
    """
    for name in _SIZES:
        if values.get(name, 1) < 1:
            raise RequestError(f"{name} must be >= 1, got {values[name]!r}")


def _check_scopes(values: Mapping[str, Any]) -> None:
    """Look at the default scopes of observations.

    Raises:
        RequestError: they are none.
    """
    value = values.get("default_observation_scopes", SCOPES[0])
    lists = isinstance(value, list) and all(
        isinstance(scope, list) and all(isinstance(tag, str) for tag in scope) for scope in value
    )
    if not lists and value not in SCOPES:
        raise RequestError(
            f"default_observation_scopes must be one of {', '.join(SCOPES)} or a list of tag lists "
            f'(e.g. [["topic:*"]]), got {value!r}'
        )


def _is_one_of(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in types  # it is an int, too
    return isinstance(value, types) or (float in types and isinstance(value, int))


def _known(updates: Mapping[str, Any]) -> None:
    unknown = sorted(set(updates) - set(FIELDS))
    secrets = [name for name in unknown if name.endswith(_SECRETS)]
    if secrets:
        raise RequestError(
            f"Cannot set credential fields via API: {secrets}. "
            "Credentials (API keys, base URLs) must be set at server level only."
        )
    if unknown:
        raise RequestError(f"Unknown configuration fields: {unknown}. Valid configurable fields: [{_SOME}]...")


def _check_text(updates: Mapping[str, Any]) -> None:
    """Refuse what no answer could carry: numbers that are none, and broken Unicode."""
    try:
        json.dumps(updates, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise RequestError(f"A value cannot be kept as JSON: {error}") from error


def _check_traits(values: Mapping[str, Any]) -> None:
    for name in _TRAITS:
        if not 1 <= values.get(name, 1) <= 5:
            raise RequestError(f"{name} must be an integer between 1 and 5, got {values[name]!r}")


def _check_budgets(values: Mapping[str, Any]) -> None:
    function = values.get("recall_budget_function", _FUNCTIONS[0])
    if function.lower() not in _FUNCTIONS:
        raise RequestError(f"recall_budget_function must be one of {list(_FUNCTIONS)}, got {function!r}")
    for name in _BUDGETS:
        of = "number" if "adaptive" in name else "integer"
        value = values.get(name, 1)
        if not 0 < value < math.inf:
            raise RequestError(f"{name} must be a positive {of}, got {value!r}")


def _check_strategies(values: Mapping[str, Any]) -> None:
    strategies = values.get("retain_strategies", {})
    if not all(str(name).strip() for name in strategies):
        raise RequestError("Strategy names must not be empty strings. Remove entries with empty names before saving.")
    for name, strategy in strategies.items():
        if not isinstance(strategy, dict):
            raise RequestError(f"Invalid retain strategy {name!r}: must be an object")
        says = {field: value for field, value in normalised(strategy).items() if value is not None}
        try:
            for check in (_check_types, _check_sizes, _check_scopes, _check_defense):
                check(says)
        except RequestError as error:
            raise RequestError(f"Invalid retain strategy {name!r}: {error}") from error


def _check_defense(values: Mapping[str, Any]) -> None:
    """Look at the rules about secrets.

    Raises:
        RequestError: they are none.
    """
    policy = values.get("memory_defense", {})
    rules = policy.get("rules") or []
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise _bad_policy("rules must be a list of objects")
    for rule in rules:
        on, action = rule.get("on"), rule.get("action")
        if not isinstance(on, str) or not on:
            raise _bad_policy(f"invalid on {on!r}; must be a non-empty string")
        if action not in _ACTIONS:
            raise _bad_policy(f"invalid action {action!r}; must be one of {list(_ACTIONS)}")


def _bad_policy(why: str) -> RequestError:
    return RequestError(f"invalid memory_defense policy: {why}", 422)


_CHECKS: tuple[Callable[[Mapping[str, Any]], None], ...] = (
    _check_sizes,
    _check_scopes,
    _check_traits,
    _check_budgets,
    _check_strategies,
    _check_defense,
)
