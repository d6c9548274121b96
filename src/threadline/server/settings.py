"""What can be set of the server, and where its values come from: as in `threadline.settings`.

In order: what the caller passes, the environment (`THREADLINE_<NAME>`), the table `[server]` of `config.toml` in the
data directory, the defaults below.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from threadline.errors import SettingsError
from threadline.settings import (
    Parser,
    apply,
    as_amount,
    as_count,
    as_switch,
    as_text,
    from_environment,
    one_of,
    read_config,
)

Auth = Literal["auto", "required", "off"]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Everything that can be set of the server.

    Attributes:
        host: the address that is bound. Anything but loopback needs a key or a token.
        port: the port; 0 takes any that is free.
        token_file: a file with one token that may do everything in the tenant `default`.
        auth: whether a key is asked for. `auto`: once there is any key or token; `required`: always; `off`: never,
            which only loopback may be.
        allowed_hosts: further names in the `Host` header that are answered on loopback.
        cors_origins: the origins of web pages that may call the server, such as `https://app.example.com`.
        max_body_megabytes: the largest body of a request, in millions of bytes.
        max_json_depth: how deep lists and objects of a JSON body may lie in each other.
        body_seconds: how long a request may take to arrive, its headers and its body each.
        requests_per_second: how many requests a key, or without keys an address, may make in the long run; 0: any.
        burst: how many of them at once.
        max_connections: how many connections are served at a time.
        stop_seconds: how long a stop waits for requests under way.
        log_requests: whether each request is logged, without its content.
        metrics: whether there is `/metrics`.
        webhook_allowed_hosts: hosts, addresses and networks that webhooks may be sent to although they are not public,
            such as `10.0.0.0/8`.
        operation_days: how long the records of operations that have ended are kept; 0: for ever.
        audit_days: how long the entries of audit logs are kept; 0: for ever.
    """

    host: str = "127.0.0.1"
    port: int = 8888
    token_file: Path | None = None
    auth: Auth = "auto"
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    max_body_megabytes: float = 32.0
    max_json_depth: int = 64
    body_seconds: float = 30.0
    requests_per_second: float = 0.0
    burst: int = 100
    max_connections: int = 1000
    stop_seconds: float = 10.0
    log_requests: bool = True
    metrics: bool = True
    webhook_allowed_hosts: tuple[str, ...] = ()
    operation_days: float = 30.0
    audit_days: float = 0.0

    @classmethod
    def load(cls, home: Path, environ: Mapping[str, str] | None = None, **given: Any) -> ServerSettings:
        """Put the settings together.

        Args:
            home: the data directory.
            given: values that win over the environment and the file; None counts as not given.

        Raises:
            SettingsError: a setting is unknown or has a bad value; the message says where it comes from.
        """
        path = home / "config.toml"
        table = read_config(path).get("server", {})
        if not isinstance(table, Mapping):
            raise SettingsError(f"{path}: server = {table!r} is no table; write [server] above its settings.")
        environ = os.environ if environ is None else environ
        settings = apply(cls(), table, f"{path}, [server]", _PARSERS)
        settings = apply(settings, from_environment(environ, _PARSERS.keys()), "the environment", _PARSERS)
        return apply(settings, {k: v for k, v in given.items() if v is not None}, "the call", _PARSERS)

    @property
    def loopback(self) -> bool:
        """Whether the server can be reached from this machine alone."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def max_body_bytes(self) -> int:
        """The largest body, in bytes."""
        return int(self.max_body_megabytes * 1_000_000)


def _port(value: Any) -> int:
    if isinstance(value, bool) or int(value) != float(value) or not 0 <= int(value) <= 65_535:
        raise ValueError("it must be a whole number from 0 to 65535")
    return int(value)


def _path(value: Any) -> Path:
    return Path(value if isinstance(value, Path) else as_text(value)).expanduser().absolute()


def _list(value: Any) -> tuple[str, ...]:
    """A list of texts; in a variable they are separated by commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("it must be a list of texts")
    return tuple(part.strip() for part in parts if part.strip())


def _origins(value: Any) -> tuple[str, ...]:
    origins = _list(value)
    for origin in origins:
        scheme, _, host = origin.partition("://")
        if origin != "*" and (scheme not in ("http", "https") or not host or "/" in host):
            raise ValueError(f"{origin!r} is no origin, such as https://app.example.com")
    return origins


_PARSERS: Mapping[str, Parser] = {
    "host": as_text,
    "port": _port,
    "token_file": _path,
    "auth": one_of(*get_args(Auth)),
    "allowed_hosts": _list,
    "cors_origins": _origins,
    "max_body_megabytes": as_amount,
    "max_json_depth": as_count,
    "body_seconds": as_amount,
    "requests_per_second": as_amount,
    "burst": as_count,
    "max_connections": as_count,
    "stop_seconds": as_amount,
    "log_requests": as_switch,
    "metrics": as_switch,
    "webhook_allowed_hosts": _list,
    "operation_days": as_amount,
    "audit_days": as_amount,
}
