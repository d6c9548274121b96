"""Commands that need more than the default install."""

from __future__ import annotations

from importlib.util import find_spec

from threadline.errors import SettingsError


def need_server() -> None:
    """Refuse a command of the server where its extra is not installed.

    Raises:
        SettingsError: it is not.
    """
    missing = [
        name for name in ("fastapi", "uvicorn", "httptools", "prometheus_client", "mcp") if find_spec(name) is None
    ]
    if missing:
        raise SettingsError(f"The server needs {', '.join(missing)}: pip install 'threadline[server]'")
