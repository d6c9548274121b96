from dataclasses import fields
from pathlib import Path

import pytest

from threadline import Memory, Settings, SettingsError, StorageError
from threadline.settings import Given


def test_load_defaults_without_anything(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path, environ={})
    assert settings == Settings(home=tmp_path)
    assert settings.retain_every_n_turns == 1
    assert settings.durability == "process"


def test_prefer_the_call_to_the_environment_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('bank = "file"\nidle_seconds = 7\nretain_every_n_turns = 2\n')
    environ = {"THREADLINE_BANK": "environment", "THREADLINE_IDLE_SECONDS": "8"}
    settings = Settings.load(tmp_path, environ, bank="call")
    assert (settings.bank, settings.idle_seconds, settings.retain_every_n_turns) == ("call", 8.0, 2)


def test_take_home_from_the_environment(tmp_path: Path) -> None:
    assert Settings.load(environ={"THREADLINE_HOME": str(tmp_path)}).home == tmp_path


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"retain_every_n_turns": 0}, "whole number from 1"),
        ({"retain_every_n_turns": 1.5}, "whole number from 1"),
        ({"retain_every_n_turns": True}, "whole number from 1"),
        ({"idle_seconds": -1}, "number from 0"),
        ({"idle_seconds": "soon"}, "idle_seconds"),
        ({"durability": "eternal"}, "process, power"),
        ({"embedder": ""}, "must be text"),
        ({"embedder_options": "model"}, "must be a table of options"),
        ({"redact": "perhaps"}, "on or off"),
        ({"bank": ""}, "must be text"),
        ({"colour": "red"}, "no setting 'colour'"),
    ],
)
def test_refuse_bad_values_and_say_what_is_allowed(tmp_path: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.load(tmp_path, {}, **values)


def test_refuse_a_broken_file_and_name_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("bank = ")
    with pytest.raises(SettingsError, match=r"config\.toml"):
        Settings.load(tmp_path, {})


@pytest.mark.parametrize(("text", "value"), [("on", True), ("0", False), ("TRUE", True), ("no", False)])
def test_read_switches_from_text(tmp_path: Path, text: str, value: bool) -> None:
    assert Settings.load(tmp_path, {"THREADLINE_REDACT": text}).redact is value


def test_take_a_home_as_people_write_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Settings().home == tmp_path / ".threadline"
    assert Settings(Path("~/notes")).home == tmp_path / "notes"
    assert Settings(Path("here")).home == tmp_path / "here"


def test_leave_a_home_that_is_a_file_to_whoever_opens_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=str(tmp_path / "file")):
        Memory.open(tmp_path / "file")


def test_take_the_options_of_the_backend_from_the_table_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('backend = "mine"\n[mine]\nurl = "a"\ntimeout = 3\n[theirs]\nurl = "b"\n')
    assert Settings.load(tmp_path, {}).backend_options == {"url": "a", "timeout": 3}
    assert Settings.load(tmp_path, {"THREADLINE_BACKEND": "theirs"}).backend_options == {"url": "b"}
    assert Settings.load(tmp_path, {}, backend="embedded").backend_options == {}
    given = Settings.load(tmp_path, {}, backend_options={"url": "c"})
    assert given.backend_options == {"url": "c", "timeout": 3}
    with pytest.raises(SettingsError, match="table of options"):
        Settings.load(tmp_path, {}, backend_options="url")


def test_take_the_options_of_the_embedder_from_a_table_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'embedder = "mine"\nbackend = "mine"\n[mine]\nmodel = "of the backend"\n'
        '[embedder_options.mine]\nmodel = "a"\nthreads = 2\n[embedder_options.theirs]\nmodel = "b"\n'
    )
    assert Settings.load(tmp_path, {}).embedder_options == {"model": "a", "threads": 2}
    assert Settings.load(tmp_path, {}).backend_options == {"model": "of the backend"}
    assert Settings.load(tmp_path, {"THREADLINE_EMBEDDER": "theirs"}).embedder_options == {"model": "b"}
    assert Settings.load(tmp_path, {}, embedder="none").embedder_options == {}
    given = Settings.load(tmp_path, {}, embedder_options={"model": "c"})
    assert given.embedder_options == {"model": "c", "threads": 2}


def test_say_where_the_options_of_an_embedder_go(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('embedder = "openai"\n[embedder_options]\nmodel = "a"\n')
    with pytest.raises(SettingsError, match=r"config\.toml: 'model' is no table.*\[embedder_options\.openai\]"):
        Settings.load(tmp_path, {})


def test_show_no_key_that_is_an_option() -> None:
    settings = Settings(embedder_options={"api_key": "sk-secret"}, backend_options={"api_key": "sk-secret"})
    assert "sk-secret" not in repr(settings)


def test_tell_the_type_checker_of_every_setting() -> None:
    assert set(Given.__annotations__) == {field.name for field in fields(Settings)} - {"home", "bank", "backend"}
