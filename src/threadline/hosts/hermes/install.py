"""Into a home of the host, and out of it again.

What is to be done is first found out, as a list of steps; only then is anything written. A dry run shows the same list.
The host's `config.yaml` comes last, so that it never names a provider that is not there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from threadline.database import os_error
from threadline.errors import InputError, ThreadlineError
from threadline.hosts.hermes.activation import Edit, provider_of, read_config, set_provider, unset_provider
from threadline.hosts.hermes.files import read_json, read_text, write_json, write_text
from threadline.hosts.hermes.places import Places, managed_by

#: The provider's name in the host.
NAME = "threadline"

#: The files of the plug-in. Nothing else of its folder is ever touched.
FILES = ("__init__.py", "plugin.yaml", "cli.py", "config_schema.py")

#: What tells our files from anybody's.
_MARK = "Written by `threadline hermes install`"

#: The settings a new installation begins with; all others have their defaults.
_FIRST_SETTINGS = {"bank_id": "hermes", "backend": "embedded"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done, or was already.

    Attributes:
        path: where.
        told: what, and what was there before.
        do: does it; None: there is nothing to do.
    """

    path: Path
    told: str
    do: Callable[[], None] | None = field(default=None, repr=False)  # there may be a key in it

    @property
    def changes(self) -> bool:
        """Whether anything is changed by it."""
        return self.do is not None


def carry_out(steps: Sequence[Step]) -> None:
    """Do all of it, in order.

    Raises:
        StorageError: something cannot be written; the steps before it are done, and doing all again is harmless.
    """
    for step in steps:
        if step.do is not None:
            step.do()


def packaged(name: str) -> str:
    """A file of the plug-in, as this version writes it."""
    return resources.files("threadline.hosts.hermes").joinpath("plugin", name).read_text("utf-8")


# Installing


def plan_install(places: Places, *, with_settings: bool = True) -> list[Step]:
    """What an installation does.

    Args:
        places: of the home.
        with_settings: write the first settings where there are none; False: somebody else writes them just now.

    Raises:
        InputError: there is no such home, another plug-in has our name, or `config.yaml` cannot be changed.
        StorageError: something cannot be read.
    """
    if not places.hermes.is_dir():
        raise InputError(
            f"There is no home of Hermes at {places.hermes}. Start hermes once, so that it makes it, or name it with "
            "--hermes-home."
        )
    activation = plan_activation(places)
    settings = [_settings_step(places)] if with_settings else []
    return [*_plugin_steps(places), _home_step(places), *settings, *activation]


def _plugin_steps(places: Places) -> Iterator[Step]:
    shim = read_text(places.plugin / FILES[0])
    if shim is not None and _MARK not in shim:
        raise InputError(
            f"{places.plugin} is another plug-in of the name {NAME}: "
            "it was not written by this command. Move it away first."
        )
    for name in FILES:
        path, text = places.plugin / name, packaged(name)
        found = read_text(path)
        if found == text:
            yield Step(path, "is current")
        else:
            told = "written (there was none)" if found is None else "replaced (it was of another version, or changed)"
            yield Step(path, told, partial(_write_plugin, path, text))


def _write_plugin(path: Path, text: str) -> None:
    make_folder(path.parent, 0o755)
    write_text(path, text)


def _home_step(places: Places) -> Step:
    mode = _mode(places.ours)
    if mode is None:
        return Step(places.ours, "made, for its owner alone", partial(make_folder, places.ours, 0o700))
    if mode & 0o077:
        told = f"closed to others (its mode was {mode:o}, and is 700)"
        return Step(places.ours, told, partial(_change_mode, places.ours, 0o700))
    return Step(places.ours, "is there")


def _settings_step(places: Places) -> Step:
    mode = _mode(places.settings)
    if mode is None:
        first = ", ".join(f"{name}: {value}" for name, value in _FIRST_SETTINGS.items())
        return Step(places.settings, f"written ({first})", partial(write_json, places.settings, dict(_FIRST_SETTINGS)))
    if mode & 0o077:
        told = f"closed to others (its mode was {mode:o}, and is 600); what it says stays"
        return Step(places.settings, told, partial(_change_mode, places.settings, 0o600))
    return Step(places.settings, "is there; what it says stays")


def _mode(path: Path) -> int | None:
    """The mode; None: there is no such thing. Where modes mean nothing (Windows) it is closed."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise os_error(error, path) from error
    return mode if os.name == "posix" else mode & 0o700


def make_folder(path: Path, mode: int) -> None:
    """Make a folder, if there is none.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise os_error(error, path) from error


def _change_mode(path: Path, mode: int) -> None:
    try:
        path.chmod(mode)
    except OSError as error:
        raise os_error(error, path) from error


# The host's config.yaml


@dataclass(frozen=True, slots=True)
class Record:
    """What an installation changed in `config.yaml`, for its way back. None of the host's own settings is in it.

    Attributes:
        previous: the provider before it.
        created: whether there was no file.
        edit: the change.
        before, after: digests of the file around it.
    """

    previous: str
    created: bool
    edit: Edit
    before: str
    after: str

    @classmethod
    def read(cls, places: Places) -> Record | None:
        """The record; None: there is none, or it is damaged, which costs no more than knowing what was before."""
        try:
            found = read_json(places.record)
            if found is None:
                return None
            return cls(**{**found, "edit": Edit(**found["edit"])})
        except (InputError, TypeError, KeyError):
            return None


def plan_activation(places: Places) -> list[Step]:
    """Make us the host's memory provider, in its `config.yaml` and nowhere else.

    Raises:
        InputError: `config.yaml` cannot be read, or not be changed in this one place.
    """
    text = read_text(places.config)
    previous = provider_of(read_config(text or ""))
    edit = set_provider(text or "", NAME)
    if edit is None:
        return [Step(places.config, f"has memory.provider: {NAME}")]
    owner = managed_by(places.hermes)
    if owner is not None:
        raise InputError(
            f"{places.config} is managed by {owner}: set memory.provider: {NAME} where that is configured, then run "
            "this again."
        )
    new = edit.apply(text or "")
    record = Record(previous, text is None, edit, _digest(text or ""), _digest(new))
    before = "there was no such file" if text is None else f"was {previous}" if previous else "there was none"
    return [
        Step(
            places.record, "written (how config.yaml is put back)", partial(write_json, places.record, asdict(record))
        ),
        Step(places.config, f"memory.provider: {NAME} ({before})", partial(_write_config, places.config, text, new)),
    ]


def _write_config(path: Path, seen: str | None, new: str) -> None:
    if read_text(path) != seen:
        raise InputError(f"{path} was changed by somebody else just now. Run this again.")
    write_text(path, new, 0o600)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Uninstalling


def plan_uninstall(places: Places) -> list[Step]:
    """What it takes to be out of the home again. Memories and settings stay.

    Raises:
        InputError: `config.yaml` cannot be read, or not be changed in this one place.
        StorageError: something cannot be read.
    """
    return [*_deactivation(places), *_removals(places)]


def _deactivation(places: Places) -> Iterator[Step]:
    text = read_text(places.config)
    if text is None or provider_of(read_config(text)) != NAME:
        named = provider_of(read_config(text or ""))
        yield Step(places.config, f"does not name {NAME} (memory.provider: {named or 'none'})")
    elif (owner := managed_by(places.hermes)) is not None:
        yield Step(places.config, f"is managed by {owner}: take memory.provider out where that is configured")
    else:
        yield _put_back(places, text)
    if places.record.exists():
        yield Step(places.record, "removed", partial(_remove, places.record))


def _put_back(places: Places, text: str) -> Step:
    record = Record.read(places)
    if record is not None and _digest(text) == record.after and _digest(record.edit.undo(text)) == record.before:
        if record.created:
            return Step(places.config, "removed (there was none before)", partial(_remove, places.config))
        told = f"as it was before, byte for byte (memory.provider: {record.previous or 'none'})"
        return Step(places.config, told, partial(_write_config, places.config, text, record.edit.undo(text)))
    if record is not None and record.previous:
        edit = set_provider(text, record.previous)
        told = f"memory.provider: {record.previous}, as before; what else was changed since stays"
    else:
        added = record.edit.new if record is not None and not record.edit.old else ""
        edit = unset_provider(text, added)
        told = "memory.provider taken out; everything else stays"
    new = text if edit is None else edit.apply(text)
    return Step(places.config, told, partial(_write_config, places.config, text, new))


def _removals(places: Places) -> Iterator[Step]:
    shim = read_text(places.plugin / FILES[0])
    if shim is not None and _MARK not in shim:
        yield Step(places.plugin, "stays: it is another plug-in of our name")
        return
    for name in FILES:
        if (places.plugin / name).exists():
            yield Step(places.plugin / name, "removed", partial(_remove, places.plugin / name))
    if places.plugin.is_dir():
        strangers = {path.name for path in places.plugin.iterdir()} - {*FILES, "__pycache__"}
        if strangers:
            yield Step(places.plugin, f"stays: there is something else in it ({', '.join(sorted(strangers))})")
        else:
            yield Step(places.plugin, "removed", partial(_remove_folder, places.plugin))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise os_error(error, path) from error


def _remove_folder(path: Path) -> None:
    """The folder of the plug-in: nothing is left in it but what Python compiled."""
    try:
        shutil.rmtree(path / "__pycache__", ignore_errors=True)
        path.rmdir()
    except OSError as error:
        raise os_error(error, path) from error


# How it is


@dataclass(frozen=True, slots=True)
class Installed:
    """How far the plug-in is installed.

    Attributes:
        missing: files of it that are not there.
        differing: files of it that are not those of this version.
        provider: the host's memory provider; None: `config.yaml` cannot be read.
        problem: why not.
    """

    missing: tuple[str, ...]
    differing: tuple[str, ...]
    provider: str | None
    problem: str | None = None

    @property
    def current(self) -> bool:
        """Whether every file is there and of this version."""
        return not self.missing and not self.differing

    @property
    def active(self) -> bool:
        """Whether the host loads it."""
        return self.provider == NAME


def look(places: Places) -> Installed:
    """How far the plug-in is installed there. It only looks."""
    found: dict[str, Any] = {name: _text_or_none(places.plugin / name) for name in FILES}
    missing = tuple(name for name in FILES if found[name] is None)
    differing = tuple(name for name in FILES if found[name] is not None and found[name] != packaged(name))
    try:
        return Installed(missing, differing, provider_of(read_config(read_text(places.config) or "")))
    except ThreadlineError as error:
        return Installed(missing, differing, None, str(error))


def _text_or_none(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
