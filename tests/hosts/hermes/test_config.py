"""Settings as users, forms and the Hindsight provider's files have them, and what becomes of bad ones."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadline.backends.hindsight.options import HindsightOptions
from threadline.hosts.hermes.config import Config, setting_names
from threadline.settings import Settings
from threadline.tags import Tags


def load(home: Path, written: Any = None, environ: dict[str, str] | None = None) -> Config:
    if written is not None:
        path = home / "threadline" / "config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(written if isinstance(written, str) else json.dumps(written))
    return Config.load(home, environ or {})


def test_work_without_a_file(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config == Config(tmp_path)
    assert (config.problems, config.remarks, config.broken) == ((), (), "")
    assert config.data == tmp_path / "threadline"
    assert (config.bank_id, config.backend, config.memory_mode, config.recall_deadline) == (
        "hermes",
        "embedded",
        "hybrid",
        1.5,
    )
    assert not (tmp_path / "threadline").exists()


def test_read_what_people_and_forms_write(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        {
            "bank_id": " mine ",
            "auto_recall": "false",
            "redact": "1",
            "recall_max_tokens": "2048",
            "recall_deadline": "0.5",
            "recall_min_confidence": 0,
            "recall_tags": "a, b,,a",
            "retain_tags": '["x", "y"]',
            "recall_types": ["world", "experience"],
            "recall_tags_match": "ALL",
            "observation_scopes": ["a", "b"],
            "home": "",
            "timeout": None,
        },
    )
    assert config.problems == ()
    assert (config.bank_id, config.auto_recall, config.redact) == ("mine", False, True)
    assert (config.recall_max_tokens, config.recall_deadline, config.recall_min_confidence) == (2048, 0.5, 0)
    assert (config.recall_tags, config.retain_tags) == (("a", "b"), ("x", "y"))
    assert config.recall_types == ("world", "experience")
    assert config.tag_filter == Tags("a", "b", match="all")
    assert config.observation_scopes == (("a", "b"),)
    assert config.timeout == 120


def test_know_the_other_names_of_the_hindsight_provider(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        {
            "backend": "hindsight",
            "apiUrl": "http://localhost:8888/",
            "bankId": "b",
            "budget": "high",
            "prefetch_method": "reflect",
            "retain_async": False,
            "recall_sync": True,
        },
    )
    assert config.problems == ()
    assert (config.api_url, config.bank_id, config.recall_budget, config.recall_prefetch_method) == (
        "http://localhost:8888",
        "b",
        "high",
        "reflect",
    )
    assert len(config.remarks) == 2
    assert "in the journal at once" in config.remarks[0]


@pytest.mark.parametrize(
    ("env", "environ", "key"),
    [
        ("", {}, ""),
        ("", {"HINDSIGHT_API_KEY": "key-environ"}, "key-environ"),
        (
            "THREADLINE_API_KEY=key-ours\nHINDSIGHT_API_KEY=key-theirs\n",
            {"THREADLINE_API_KEY": "key-environ"},
            "key-ours",
        ),
        ("# THREADLINE_API_KEY=key-ours\nexport HINDSIGHT_API_KEY='key-theirs'\n", {}, "key-theirs"),
    ],
)
def test_take_the_key_from_the_hosts_secrets(tmp_path: Path, env: str, environ: dict[str, str], key: str) -> None:
    (tmp_path / ".env").write_text(env)
    config = load(tmp_path, {"backend": "hindsight", "api_url": "http://s"}, environ)
    assert config.api_key == key
    assert "key-" not in repr(config)
    assert "key-" not in " ".join(config.shown().values())


def test_open_a_memory_with_what_is_set(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        {
            "backend": "hindsight",
            "api_url": "http://s",
            "api_key": "k",
            "retain_context": "a talk",
            "observation_scopes": "per_tag",
            "timeout": 7,
            "retain_every_n_turns": 3,
            "durability": "power",
            "redact": False,
            "embedder": "none",
        },
    )
    loaded = Settings.load(config.data, environ={}, **config.settings)
    assert (loaded.retain_every_n_turns, loaded.durability, loaded.redact, loaded.embedder) == (
        3,
        "power",
        False,
        "none",
    )
    options = HindsightOptions.load(loaded.backend_options, {})
    assert (options.url, options.api_key, options.timeout) == ("http://s", "k", 7)
    assert (options.context, options.observation_scopes) == ("a talk", "per_tag")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"recall_max_tokens": 0}, "recall_max_tokens = 0 will not do: it must be a whole number from 1"),
        ({"recall_max_tokens": 1.5}, "a whole number from 1"),
        ({"recall_max_tokens": True}, "a whole number from 1"),
        ({"recall_max_tokens": 10**400}, "a whole number from 1"),
        ({"recall_deadline": -1}, "a number of seconds above 0"),
        ({"recall_deadline": "nan"}, "a number of seconds"),
        ({"recall_min_confidence": 2}, "a number from 0 to 1"),
        ({"memory_mode": "both"}, "one of hybrid, context, tools"),
        ({"recall_types": ["opinion"]}, "'opinion' is none of world"),
        ({"recall_tags": {"a": 1}}, "a list of texts"),
        ({"recall_tags": '["a"'}, "it is no list"),
        ({"observation_scopes": "every"}, "one of per_tag"),
        ({"observation_scopes": 7}, "one of per_tag"),
        ({"auto_recall": "perhaps"}, "true or false"),
        ({"recall_budgett": "mid"}, "there is no setting 'recall_budgett' (did you mean 'recall_budget'?)"),
        ({"zzz": 1}, "there is no setting 'zzz'; it is left out"),
        ({"recall_types": "observation"}, "embedded backend makes no observations"),
    ],
)
def test_go_on_with_the_default_where_a_value_is_bad(tmp_path: Path, written: dict[str, Any], told: str) -> None:
    config = load(tmp_path, written)
    (problem,) = config.problems
    assert told in problem
    assert str(tmp_path / "threadline" / "config.json") in problem
    assert "\n" not in problem
    assert config.broken == ""
    for each in fields(Config):
        if each.name not in ("hermes", "problems"):
            assert getattr(config, each.name) == each.default, each.name


@pytest.mark.parametrize(
    "written",
    [
        '{"bank_id": ',
        "[]",
        "\xff",
        "[" * 100_000,
        {"bank_id": []},
        {"bank_id_template": 7},
        {"backend": False},
        {"home": 7},
        {"redact": "perhaps"},
        {"auto_retain": "perhaps"},
        {"backend": "hindsight"},
        {"backend": "hindsight", "api_url": "localhost"},
    ],
)
def test_open_nothing_where_it_is_not_known_which_memory_is_meant(tmp_path: Path, written: Any) -> None:
    path = tmp_path / "threadline" / "config.json"
    path.parent.mkdir()
    if isinstance(written, str):
        path.write_bytes(written.encode("latin-1"))
        written = None
    config = load(tmp_path, written)
    assert config.broken
    assert config.broken in config.problems
    assert str(path) in config.broken
    assert "\n" not in config.broken


def test_open_nothing_where_the_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "threadline" / "config.json").mkdir(parents=True)
    assert "cannot be read" in load(tmp_path).broken


def test_never_show_the_key(tmp_path: Path) -> None:
    config = load(tmp_path, {"backend": "hindsight", "api_url": "http://s", "api_key": ["secret"]})
    assert "secret" not in " ".join(config.problems)
    assert "it must be text" in config.problems[0]


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(setting_names()),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
            max_leaves=4,
        ),
        max_size=6,
    )
)
def test_raise_nothing_whatever_is_written(tmp_path_factory: pytest.TempPathFactory, written: dict[str, Any]) -> None:
    home = tmp_path_factory.getbasetemp() / "written"
    home.mkdir(exist_ok=True)
    config = load(home, written)
    assert isinstance(config.settings, dict)
    assert all(isinstance(line, str) for line in config.shown().values())


def test_describe_every_setting() -> None:
    told = Config.__doc__ or ""
    for name in setting_names():
        assert name in told, f"Config does not say what {name} does"
