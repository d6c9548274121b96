"""Homes with Threadline in them, and a model that repeats what it hears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.hosts.hermes.conftest import NewHome
from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import FakeModel

from .memory import heard, install

Living = Callable[..., Home]


@pytest.fixture
def living(new_home: NewHome, model: FakeModel) -> Living:
    """Makes homes in which Threadline is installed. `config`: of the host; the others are settings of ours."""

    def make(config: Mapping[str, Any] | None = None, **settings: Any) -> Home:
        model.answer = heard
        return install(new_home("", config), **settings)

    return make
