import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline import Memory, Settings, SettingsError
from threadline.backends.plugins import GROUP, SHIPPED, open_backend
from threadline.testing import FakeBackend


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Settings]]:
    """An installed package that registers the backend `mine`; what it was opened with."""
    opened: list[Settings] = []

    def open_mine(settings: Settings) -> FakeBackend:
        opened.append(settings)
        return FakeBackend()

    monkeypatch.setattr("threadline.testing.open_mine", open_mine, raising=False)
    points = [
        importlib.metadata.EntryPoint("mine", "threadline.testing:open_mine", GROUP),
        importlib.metadata.EntryPoint("broken", "no_such_package:open", GROUP),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points if group == GROUP else [])
    yield opened


def test_register_what_ships_like_anybodys() -> None:
    assert {each.name: each.value for each in importlib.metadata.entry_points(group=GROUP)} == SHIPPED


def test_open_another_ones_backend_by_name_with_its_options(another: list[Settings], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('backend = "mine"\n[mine]\nfolder = "x"\n[hindsight]\nurl = "http://y"\n')
    with Memory.open(tmp_path) as memory:
        assert memory.status().backend == "fake"
    assert [settings.backend_options for settings in another] == [{"folder": "x"}]
    with Memory.open(tmp_path, backend_options={"folder": "z"}):
        assert another[-1].backend_options == {"folder": "z"}


def test_prefer_the_backend_that_is_given(another: list[Settings], tmp_path: Path) -> None:
    with Memory.open(tmp_path, backend="mine"):
        pass
    with Memory.open(tmp_path, backend=FakeBackend()):
        pass
    assert len(another) == 1


def test_say_which_there_are(another: list[Settings], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no backend 'theirs'; there are broken, embedded, hindsight, mine"):
        open_backend(Settings(tmp_path, backend="theirs"))
    with pytest.raises(SettingsError, match=r"broken.*does not load"):
        open_backend(Settings(tmp_path, backend="broken"))


def test_say_what_the_hindsight_backend_needs(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="THREADLINE_HINDSIGHT_URL"):
        Memory.open(tmp_path, backend="hindsight")
    assert not (tmp_path / "journal.db").exists(), "nothing is made before the settings are known to be good"
