"""Backends by name: those that ship, and those that installed packages register.

A package registers its backend as an entry point of the group `threadline.backends`: a callable that takes the
`threadline.Settings` and returns a `threadline.Backend`. Its own options are in `settings.backend_options`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from threadline.backends.base import Backend
from threadline.errors import SettingsError
from threadline.settings import Settings

GROUP = "threadline.backends"

#: Registered in the project's own metadata too, like anybody's; but reading all metadata costs a start 60 ms.
SHIPPED = {
    "embedded": "threadline.backends.embedded:open_embedded",
    "hindsight": "threadline.backends.hindsight:open_hindsight",
}

Factory = Callable[[Settings], Backend]


def open_backend(settings: Settings) -> Backend:
    """The backend that the settings name.

    Raises:
        SettingsError: there is none of that name, it does not load, or an option of it has a bad value.
    """
    return _factory(settings.backend)(settings)


def _factory(name: str) -> Factory:
    if name in SHIPPED:
        module, _, attribute = SHIPPED[name].partition(":")
        shipped: Factory = getattr(importlib.import_module(module), attribute)
        return shipped
    from importlib.metadata import entry_points

    found = {each.name: each for each in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted({*SHIPPED, *found}))
        raise SettingsError(f"There is no backend {name!r}; there are {known}. Another one comes with its own package.")
    try:
        factory: Factory = found[name].load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"The backend {name!r} ({found[name].value}) does not load: {error}.") from error
    return factory
