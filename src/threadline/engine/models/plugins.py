"""Embedders by name: those that ship, and those that installed packages register.

A package registers its embedder as an entry point of the group `threadline.embedders`: a callable that takes the
setting `embedder_options` and returns a `threadline.engine.models.base.Embedder`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from threadline.engine.models.base import Embedder
from threadline.errors import EmbedderError, SettingsError

GROUP = "threadline.embedders"

#: The embedder that is none: words alone.
NONE = "none"

#: Registered in the project's own metadata too, like anybody's; but reading all metadata costs a start 60 ms.
SHIPPED = {
    "minilm": "threadline.engine.models.minilm:open_minilm",
    "static": "threadline.engine.models.static:open_static",
    "sentence-transformers": "threadline.engine.models.sentence_transformers:open_sentence_transformers",
    "fastembed": "threadline.engine.models.fastembed:open_fastembed",
    "openai": "threadline.engine.models.openai:open_openai",
}

#: Those that need an extra, which has their name.
EXTRAS = ("static", "sentence-transformers", "fastembed", "openai")

Factory = Callable[[Mapping[str, Any]], Embedder]


def open_embedder(name: str, options: Mapping[str, Any]) -> Embedder | None:
    """The embedder of a name; None for `none`. No model is loaded and nothing is sent before its first use.

    Raises:
        SettingsError: there is none of that name, it does not load, or an option of it has a bad value.
        EmbedderError: a package that it needs is not installed.
    """
    return None if name == NONE else _factory(name)(options)


def _factory(name: str) -> Factory:
    if name in SHIPPED:
        module, _, attribute = SHIPPED[name].partition(":")
        shipped: Factory = getattr(importlib.import_module(module), attribute)
        return shipped
    from importlib.metadata import entry_points

    found = {each.name: each for each in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted({NONE, *SHIPPED, *found}))
        raise SettingsError(
            f"There is no embedder {name!r}; there are {known}. Of these {', '.join(EXTRAS)} need an extra: "
            f'pip install "threadline[{EXTRAS[0]}]" and so on. Another one comes with its own package.'
        )
    try:
        factory: Factory = found[name].load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"The embedder {name!r} ({found[name].value}) does not load: {error}.") from error
    return factory


def reopen_embedder(vectors: str) -> Embedder | None:
    """The embedder of stored vectors, as far as their name says enough: those that need no options.

    Where it gives None, older vectors are not used while new ones are made.
    """
    from threadline.engine.models.minilm import OLDER_NAME, MiniLM

    if vectors == OLDER_NAME:
        return MiniLM(name=OLDER_NAME)
    for name in ("minilm", "static"):
        try:
            embedder = open_embedder(name, {})
        except EmbedderError:  # its package is not installed any more
            continue
        if embedder is not None and embedder.name == vectors:
            return embedder
    return None
