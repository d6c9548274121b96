"""A Hindsight server as the backend, spoken to through its official client.

backend = "hindsight"          # in config.toml, with the extra: pip install 'threadline[hindsight]'

[hindsight]
url = "http://127.0.0.1:8888"
"""

from __future__ import annotations

from threadline.backends.hindsight.backend import HindsightBackend
from threadline.backends.hindsight.options import HindsightOptions
from threadline.settings import Settings

__all__ = ["HindsightBackend", "HindsightOptions", "open_hindsight"]


def open_hindsight(settings: Settings) -> HindsightBackend:
    """The Hindsight server that the settings name. Nothing is sent until there is something to send.

    Raises:
        SettingsError: an option is unknown, missing or has a bad value, or the client is not installed.
    """
    from threadline.backends.hindsight.client import ClientWire

    options = HindsightOptions.load(settings.backend_options)
    return HindsightBackend(ClientWire(options), options)
