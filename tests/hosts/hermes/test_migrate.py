"""From the bundled Hindsight provider: what means the same is kept, and what became of the rest is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from threadline import InputError
from threadline.hosts.hermes.install import carry_out
from threadline.hosts.hermes.migrate import Migration, plan_migration, read_hindsight
from threadline.hosts.hermes.places import Places

#: Every setting of the provider in hermes-agent 0.19.0: its `get_config_schema`, and what it reads besides.
EVERYTHING: dict[str, Any] = {
    "mode": "local_external",
    "api_url": "http://127.0.0.1:9999",
    "bank_id": "work",
    "bank_id_template": "hermes-{profile}",
    "bank_mission": "be nice",
    "bank_retain_mission": "keep all",
    "recall_budget": "high",
    "memory_mode": "context",
    "recall_prefetch_method": "reflect",
    "retain_tags": "a, b,a",
    "observation_scopes": "per_tag",
    "retain_source": "hermes",
    "retain_user_prefix": "Ann",
    "retain_assistant_prefix": "Bot",
    "recall_tags": ["x"],
    "recall_tags_match": "all_strict",
    "recall_types": "observation,world",
    "auto_recall": False,
    "auto_retain": True,
    "retain_every_n_turns": 3,
    "retain_async": True,
    "retain_context": "chat",
    "recall_max_tokens": 1000,
    "recall_max_input_chars": "400",
    "recall_prompt_preamble": "Memories:",
    "timeout": 60,
    "idle_timeout": 300,
    "port_health_grace_timeout": "",
    "llm_provider": "openai",
    "llm_model": "gpt-4o-mini",
    "llm_base_url": "",
    "profile": "hermes",
}

SAME = {
    name: EVERYTHING[name]
    for name in (
        *("api_url", "bank_id", "bank_id_template", "recall_budget", "memory_mode", "recall_prefetch_method"),
        *("observation_scopes", "retain_source", "retain_user_prefix", "retain_assistant_prefix", "recall_tags"),
        *("recall_tags_match", "auto_recall", "auto_retain", "retain_every_n_turns", "retain_context"),
        *("recall_max_tokens", "recall_prompt_preamble", "timeout"),
    )
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = tmp_path / "hermes"
    home.mkdir()
    return Places(home)


@pytest.fixture
def user(tmp_path: Path) -> Path:
    return tmp_path / "user"


def write(places: Places, settings: object, *, env: str = "") -> None:
    folder = places.hermes / "hindsight"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    if env:
        places.env.write_text(env, "utf-8")


def read(places: Places, user: Path, **environ: str) -> Migration:
    return read_hindsight(places, user, environ)


def fates(migration: Migration) -> dict[str, str]:
    assert len({fate.name for fate in migration.fates}) == len(migration.fates), "one fate each"
    return {fate.name: fate.became for fate in migration.fates}


def test_every_setting_of_the_provider_has_a_fate(places: Places, user: Path) -> None:
    write(places, EVERYTHING)
    migration = read(places, user)
    assert migration.settings == {
        **SAME,
        "backend": "hindsight",
        "retain_tags": ["a", "b"],
        "recall_types": ["observation", "world"],
        "recall_max_input_chars": 400,
    }
    became = fates(migration)
    assert set(became) == set(EVERYTHING)
    assert {name for name, fate in became.items() if fate == "no such thing"} == {"bank_mission", "bank_retain_mission"}
    assert {name for name, fate in became.items() if fate == "not needed"} == {
        *("retain_async", "idle_timeout", "port_health_grace_timeout"),
        *("llm_provider", "llm_model", "llm_base_url", "profile"),
    }


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ({"apiUrl": "http://a:1", "bankId": "b", "budget": "low"}, {"api_url": "http://a:1", "bank_id": "b"}),
        (
            {"banks": {"hermes": {"bankId": "b", "budget": "low", "enabled": True}}},
            {"bank_id": "b", "recall_budget": "low"},
        ),
        ({"bank_id": "", "banks": {"hermes": {"bankId": "b"}}}, {"bank_id": "b"}),
        ({"prefetch_method": "reflect"}, {"recall_prefetch_method": "reflect"}),
        ({"observation_scopes": '[["a"], "b"]'}, {"observation_scopes": [["a"], ["b"]]}),
        ({"observation_scopes": ["a", "b"]}, {"observation_scopes": [["a", "b"]]}),
        ({"retain_tags": '["a", "b"]'}, {"retain_tags": ["a", "b"]}),
        ({"auto_recall": "false"}, {"auto_recall": False}),
        ({"retain_every_n_turns": 0}, {"retain_every_n_turns": 1}),
        ({"mode": "cloud"}, {"backend": "hindsight", "api_url": "https://api.hindsight.vectorize.io"}),
        ({"mode": "local_external"}, {"backend": "hindsight", "api_url": "http://localhost:8888"}),
        ({}, {"backend": "hindsight", "api_url": "https://api.hindsight.vectorize.io"}),
    ],
)
def test_aliases_and_forms_are_read_as_the_provider_reads_them(
    written: dict[str, Any], ours: dict[str, Any], places: Places, user: Path
) -> None:
    write(places, written)
    settings = read(places, user).settings
    assert ours.items() <= settings.items()


def test_the_first_name_wins(places: Places, user: Path) -> None:
    write(
        places,
        {
            "bank_id": "a",
            "bankId": "b",
            "recall_budget": "low",
            "budget": "high",
            "api_url": "http://a",
            "apiUrl": "http://b",
        },
    )
    migration = read(places, user, HINDSIGHT_API_URL="http://c")
    assert (migration.settings["bank_id"], migration.settings["recall_budget"]) == ("a", "low")
    assert migration.settings["api_url"] == "http://a"
    became = fates(migration)
    assert {became[name] for name in ("bankId", "budget", "apiUrl", "HINDSIGHT_API_URL")} == {"not needed"}


def test_a_value_that_hindsight_passes_over_is_not_kept(places: Places, user: Path) -> None:
    bad = {
        "memory_mode": "x",
        "recall_budget": "huge",
        "recall_max_tokens": "many",
        "observation_scopes": "x",
        "bank_id": 7,
    }
    write(places, bad)
    migration = read(places, user)
    assert not set(bad) & set(migration.settings)
    assert {fates(migration)[name] for name in bad} == {"not kept"}


def test_an_unknown_setting_is_said(places: Places, user: Path) -> None:
    write(places, {"colour": "blue"})
    assert fates(read(places, user))["colour"] == "no such thing"


def test_a_server_that_the_provider_ran_itself_is_not_a_backend(places: Places, user: Path) -> None:
    write(places, {"mode": "local_embedded", "api_url": "http://unused", "llmApiKey": "sk-secret"})
    migration = read(places, user, HINDSIGHT_API_KEY="unused")
    assert migration.settings["backend"] == "embedded"
    assert "api_url" not in migration.settings
    assert fates(migration) == {"mode": "not kept", "api_url": "not needed", "llmApiKey": "not needed"}
    assert any("hindsight-embed" in hint for hint in migration.hints)


def test_it_is_found_where_the_provider_looks(places: Places, user: Path) -> None:
    assert read(places, user, HINDSIGHT_API_KEY="k", HINDSIGHT_BANK_ID="env").settings["bank_id"] == "env"
    legacy = user / ".hindsight" / "config.json"
    legacy.parent.mkdir(parents=True)
    legacy.write_text('{"bank_id": "legacy"}', "utf-8")
    migration = read(places, user, HINDSIGHT_API_KEY="k", HINDSIGHT_BANK_ID="env")
    assert (migration.settings["bank_id"], migration.source) == ("legacy", str(legacy))
    write(places, {"bank_id": "own"})
    assert read(places, user).settings["bank_id"] == "own"


def test_the_environment_fills_what_the_file_leaves_open(places: Places, user: Path) -> None:
    env = (
        'export HINDSIGHT_API_URL="http://dotenv:1"\nHINDSIGHT_RETAIN_TAGS=a,b\n# HINDSIGHT_RETAIN_SOURCE=no\n'
        "HINDSIGHT_TIMEOUT=30\nHINDSIGHT_BANK_ID=never\n"
    )
    write(places, {"retain_tags": ""}, env=env)
    migration = read(places, user, HINDSIGHT_API_URL="http://shell:2", HINDSIGHT_RETAIN_USER_PREFIX="Ann")
    wanted = {"api_url": "http://dotenv:1", "retain_tags": ["a", "b"], "timeout": 30, "retain_user_prefix": "Ann"}
    assert wanted.items() <= migration.settings.items()
    assert not {"retain_source", "bank_id"} & set(migration.settings)


def test_nothing_to_take_over_is_said(places: Places, user: Path) -> None:
    with pytest.raises(InputError, match="There are no settings of the Hindsight provider"):
        read(places, user)


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_a_file_that_cannot_be_read_is_one_line(text: str, places: Places, user: Path) -> None:
    write(places, {})
    (places.hermes / "hindsight" / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read(places, user)
    assert "config.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_is_never_shown(places: Places, user: Path) -> None:
    write(places, {"api_key": "sk-first", "apiKey": "sk-wins", "api_url": "http://ann:sk-url@host:1/x"})
    migration = read(places, user)
    steps = plan_migration(places, migration)
    shown = repr([migration.fates, steps, migration.hints, migration])
    assert 'api_url: "http://host:1/x"' in shown
    carry_out(steps)
    assert places.env.read_text("utf-8") == "THREADLINE_API_KEY=sk-wins\n"
    assert "sk-" not in shown
    assert oct(places.env.stat().st_mode & 0o777) == "0o600"
    assert json.loads(places.settings.read_text("utf-8"))["api_url"] == "http://ann:sk-url@host:1/x"
    assert "sk-" not in repr(plan_migration(places, migration)[0].told)


def test_a_key_in_the_environment_stays_there(places: Places, user: Path) -> None:
    write(places, {}, env="A=1\nHINDSIGHT_API_KEY=sk-secret\n")
    migration = read(places, user)
    assert fates(migration)["HINDSIGHT_API_KEY"] == "kept"
    carry_out(plan_migration(places, migration))
    assert places.env.read_text("utf-8") == "A=1\nHINDSIGHT_API_KEY=sk-secret\n"


def test_our_other_settings_stay_and_repeating_it_changes_nothing(places: Places, user: Path) -> None:
    write(places, {"bank_id": "work", "apiKey": "it's"}, env="# mine\nTHREADLINE_API_KEY=old\nB=2\n")
    places.ours.mkdir()
    places.settings.write_text('{"bank_id": "hermes", "recall_deadline": 3}', "utf-8")
    steps = plan_migration(places, read(places, user))
    assert 'bank_id: "work", was "hermes"' in steps[0].told
    carry_out(steps)
    settings = json.loads(places.settings.read_text("utf-8"))
    assert (settings["bank_id"], settings["recall_deadline"], settings["backend"]) == ("work", 3, "hindsight")
    assert places.env.read_text("utf-8") == '# mine\nTHREADLINE_API_KEY="it\'s"\nB=2\n'
    again = plan_migration(places, read(places, user))
    assert [step.changes for step in again] == [False]
    assert json.loads((places.hermes / "hindsight" / "config.json").read_text("utf-8")) == {
        "bank_id": "work",
        "apiKey": "it's",
    }
