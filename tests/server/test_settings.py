from __future__ import annotations

from pathlib import Path

import pytest

from threadline import SettingsError
from threadline.server.settings import ServerSettings


def test_prefer_the_call_to_the_environment_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('bank = "x"\n[server]\nhost = "::1"\nport = 1\nburst = 5\n')
    settings = ServerSettings.load(tmp_path, {"THREADLINE_PORT": "2", "THREADLINE_BURST": "6"}, burst=7, host=None)
    assert (settings.host, settings.port, settings.burst) == ("::1", 2, 7)
    assert ServerSettings.load(tmp_path / "none", {}) == ServerSettings()


def test_read_lists_as_variables_have_them(tmp_path: Path) -> None:
    environ = {
        "THREADLINE_CORS_ORIGINS": "https://a.example, http://localhost:3000",
        "THREADLINE_ALLOWED_HOSTS": "a,,b",
    }
    settings = ServerSettings.load(tmp_path, environ)
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.allowed_hosts == ("a", "b")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"port": 70_000}, "65535"),
        ({"port": "http"}, "port"),
        ({"auth": "maybe"}, "auto, required, off"),
        ({"cors_origins": "app.example"}, "no origin"),
        ({"cors_origins": ["https://a.example/path"]}, "no origin"),
        ({"allowed_hosts": 3}, "list of texts"),
        ({"max_connections": 0}, "whole number from 1"),
        ({"stop_seconds": -1}, "number from 0"),
        ({"log_requests": "perhaps"}, "on or off"),
        ({"colour": "red"}, "no setting 'colour'"),
    ],
)
def test_refuse_bad_values_and_say_what_is_allowed(tmp_path: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ServerSettings.load(tmp_path, {}, **values)


def test_refuse_a_table_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("server = 3")
    with pytest.raises(SettingsError, match=r"\[server\]"):
        ServerSettings.load(tmp_path, {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_know_that_this_machine_alone_can_reach_it(host: str) -> None:
    assert ServerSettings(host=host).loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", "localhost.example.com"])  # noqa: S104
def test_know_that_others_can_reach_it(host: str) -> None:
    assert not ServerSettings(host=host).loopback
