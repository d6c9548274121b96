from __future__ import annotations

import json
from pathlib import Path

import pytest

from threadline.server.configs import DEFAULTS, FIELDS, defense, with_strategy

PAGE = Path(__file__).parents[2] / "docs" / "bank-configuration.md"


@pytest.mark.parametrize("name", FIELDS)
def test_describe_every_field(name: str) -> None:
    field = FIELDS[name]
    assert f"| `{name}` | `{json.dumps(field.default)}` | {field.says} |" in PAGE.read_text("utf-8")


def test_have_defaults_that_their_fields_take() -> None:
    for name, field in FIELDS.items():
        assert field.default is None or type(field.default) in field.types, name


def test_lay_a_strategy_over_the_bank() -> None:
    strategies = {"a": {"retain_chunk_size": 5, "zzz": 1, "retain_mission": None}, "b": {"LLM_MODEL": "x"}, "c": 1}
    config = {**DEFAULTS, "retain_strategies": strategies, "retain_mission": "m"}
    assert with_strategy(config, "a") == {**config, "retain_chunk_size": 5}
    for name in ("b", "c", "unknown", None):
        assert with_strategy(config, name) == config
    usual = {**config, "retain_default_strategy": "a"}
    assert with_strategy(usual, None)["retain_chunk_size"] == 5
    assert with_strategy(usual, "b")["retain_chunk_size"] == 3000


def test_do_to_secrets_only_what_is_enabled() -> None:
    rules = [{"on": "sensitive_data", "action": action} for action in ("allow", "redact", "block")]
    other = [{"on": "pii", "action": "block"}]
    for policy, actions in (
        (None, set()),
        ({"rules": rules}, set()),
        ({"enabled": True}, set()),
        ({"enabled": True, "rules": other}, set()),
        ({"enabled": True, "rules": rules + other}, {"redact", "block"}),
    ):
        assert defense({**DEFAULTS, "memory_defense": policy}) == actions
