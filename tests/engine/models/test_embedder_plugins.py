"""Embedders are chosen by name, each with options of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from threadline import EmbedderError, Memory, SettingsError
from threadline.engine.models.batched import vectors_name
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.models.fastembed import FastEmbedOptions, open_fastembed
from threadline.engine.models.minilm import MiniLM
from threadline.engine.models.openai import open_openai
from threadline.engine.models.options import load_options
from threadline.engine.models.plugins import EXTRAS, GROUP, SHIPPED, open_embedder
from threadline.engine.models.static import Static


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Mapping[str, Any]]]:
    """An installed package that registers the embedder `mine`; what it was opened with."""
    opened: list[Mapping[str, Any]] = []

    def open_mine(options: Mapping[str, Any]) -> FakeEmbedder:
        opened.append(options)
        return FakeEmbedder("mine")

    monkeypatch.setattr("threadline.testing.open_mine", open_mine, raising=False)
    points = [
        importlib.metadata.EntryPoint("mine", "threadline.testing:open_mine", GROUP),
        importlib.metadata.EntryPoint("broken", "no_such_package:open", GROUP),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points if group == GROUP else [])
    yield opened


def test_register_what_ships_like_anybodys() -> None:
    assert {each.name: each.value for each in importlib.metadata.entry_points(group=GROUP)} == SHIPPED


def test_offer_an_extra_for_each_that_needs_one() -> None:
    offered = importlib.metadata.metadata("threadline").get_all("Provides-Extra") or []
    assert set(EXTRAS) <= set(offered)
    assert set(SHIPPED) - set(EXTRAS) == {"minilm"}


def test_open_what_ships() -> None:
    assert open_embedder("none", {"model": "of another"}) is None
    assert isinstance(open_embedder("minilm", {}), MiniLM)
    assert isinstance(open_embedder("static", {}), Static)


def test_remember_with_another_ones_embedder(another: list[Mapping[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('embedder = "mine"\n[embedder_options.mine]\nfolder = "x"\n')
    with Memory.open(tmp_path) as memory:
        memory.session("s").add_turn(user="the bees are doing well")
        assert memory.flush(30)
        (found,) = memory.recall("doing well?")
        assert {reason.channel for reason in found.why} == {"words", "meaning"}
    assert another == [{"folder": "x"}]


def test_say_which_there_are(another: list[Mapping[str, Any]], tmp_path: Path) -> None:
    said = (
        r"no embedder 'gpt'; there are broken, fastembed, mine, minilm, none, openai, sentence-transformers, static\..*"
        r'static, .*need an extra: pip install "threadline\[static\]"'
    )
    with pytest.raises(SettingsError, match=said):
        Memory.open(tmp_path, embedder="gpt")
    assert not (tmp_path / "journal.db").exists(), "nothing is made before the settings are known to be good"
    with pytest.raises(SettingsError, match=r"broken.*does not load"):
        open_embedder("broken", {})


@pytest.mark.parametrize("name", EXTRAS)
def test_say_which_extra_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(EmbedderError, match=rf'pip install "threadline\[{name}\]"'):
        open_embedder(name, {} if name == "static" else {"model": "x"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"fastembed needs the option 'model'.*\[embedder_options\.fastembed\]"),
        ({"model": None}, "needs the option 'model'"),
        ({"model": " "}, "must be text"),
        ({"model": "x", "modle": "y"}, "no option 'modle'; there are batch_size, cache_dir"),
        ({"model": "x", "batch_size": 0}, "whole number from 1"),
        ({"model": "x", "batch_size": "many"}, "batch_size = 'many' will not do"),
        ({"model": "x", "local_files_only": "yes"}, "true or false"),
        ({"model": "x", "query_prefix": 1}, "must be text"),
    ],
)
def test_refuse_bad_options_and_say_what_is_allowed(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        open_fastembed(given)


def test_keep_the_white_space_of_a_prefix() -> None:
    loaded = load_options(FastEmbedOptions, "fastembed", {"model": " x ", "query_prefix": "query: "})
    assert (loaded.model, loaded.query_prefix) == ("x", "query: ")


def test_have_another_name_as_soon_as_stored_vectors_would_be_others() -> None:
    base = {"model": "m", "base_url": "http://a"}
    changes: list[dict[str, Any]] = [
        {},
        {"model": "n"},
        {"dimensions": 8},
        {"document_prefix": "passage: "},
        {"document_prefix": "search_document: "},
    ]
    names = {open_openai({**base, **change}, {}).name for change in changes}
    assert len(names) == len(changes)
    same: list[dict[str, Any]] = [
        {"base_url": "http://b"},
        {"api_key": "k"},
        {"query_prefix": "query: "},
        {"batch_size": 3},
        {"timeout": 9},
    ]
    assert {open_openai({**base, **change}, {}).name for change in same} == {open_openai(base, {}).name}
    assert vectors_name("openai", "m") != vectors_name("fastembed", "m")
