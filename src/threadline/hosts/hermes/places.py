"""Where things are: the home of the host, what of it is ours, and the Python that runs it."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from threadline.errors import InputError

#: How long the host's Python may take to import Threadline, in seconds: on a cold disk that is a while.
_IMPORT_SECONDS = 60.0

#: As the host names profiles (`hermes_cli.profiles`).
_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def find_hermes_home(given: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The home that `hermes` would use when it is typed here.

    What is given, else `HERMES_HOME` where it is a profile's folder, else the profile that `hermes profile use` made
    the active one, else `HERMES_HOME`, else the host's default.

    Raises:
        InputError: the active profile does not exist.
    """
    environ = os.environ if environ is None else environ
    if given is not None:
        return Path(given).expanduser().absolute()
    named = environ.get("HERMES_HOME", "").strip()
    if named and Path(named).parent.name == "profiles":
        return Path(named).absolute()
    root = _root(environ, named)
    profile = _active_profile(root)
    if profile is None:
        return Path(named).absolute() if named else root
    folder = root / "profiles" / profile
    if not _PROFILE.fullmatch(profile) or not folder.is_dir():
        raise InputError(
            f"{root / 'active_profile'} names the profile {profile!r}, but there is no folder {folder}: "
            "`hermes profile use NAME` chooses another, and --hermes-home names the folder itself."
        )
    return folder


def _root(environ: Mapping[str, str], named: str) -> Path:
    """The folder that has the profiles: the default home, or `HERMES_HOME` where that lies elsewhere."""
    native = Path.home() / ".hermes"
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA", "").strip()
        native = (Path(local) if local else Path.home() / "AppData" / "Local") / "hermes"
    if not named or Path(named).resolve().is_relative_to(native.resolve()):
        return native
    return Path(named).absolute()


def _active_profile(root: Path) -> str | None:
    try:
        name = (root / "active_profile").read_text("utf-8").strip().lower()
    except (OSError, UnicodeDecodeError):
        return None
    return None if name in ("", "default") else name


@dataclass(frozen=True, slots=True)
class Places:
    """Files of one home of the host that we read or write.

    Attributes:
        hermes: the home itself.
    """

    hermes: Path

    @property
    def config(self) -> Path:
        """The host's settings."""
        return self.hermes / "config.yaml"

    @property
    def plugin(self) -> Path:
        """The folder of our plug-in."""
        return self.hermes / "plugins" / "threadline"

    @property
    def ours(self) -> Path:
        """Our folder: settings, and the memories unless the setting `home` places them elsewhere."""
        return self.hermes / "threadline"

    @property
    def settings(self) -> Path:
        """The provider's settings."""
        return self.ours / "config.json"

    @property
    def record(self) -> Path:
        """What the installation changed, for its way back."""
        return self.ours / "install.json"

    @property
    def log(self) -> Path:
        """The host's own log of what was said."""
        return self.hermes / "state.db"

    @property
    def env(self) -> Path:
        """The host's secrets."""
        return self.hermes / ".env"


def profile_of(hermes: Path, environ: Mapping[str, str] | None = None) -> str:
    """The name by which the host calls the profile whose home that is: what `{profile}` stands for in a template."""
    environ = os.environ if environ is None else environ
    if hermes.parent.name == "profiles" and _PROFILE.fullmatch(hermes.name):
        return hermes.name
    root = _root(environ, environ.get("HERMES_HOME", "").strip())
    return "default" if hermes.resolve() == root.resolve() else "custom"


def managed_by(hermes: Path, environ: Mapping[str, str] | None = None) -> str | None:
    """What owns the host's `config.yaml` instead of the user (NixOS, Homebrew, ...), if anything does."""
    environ = os.environ if environ is None else environ
    named = environ.get("HERMES_MANAGED", "").strip()
    if named:
        return "NixOS" if named.lower() in ("1", "true", "yes", "on", "nix", "nixos") else named
    return "NixOS" if (hermes / ".managed").exists() else None


def find_python() -> Path | None:
    """The Python that runs `hermes`: this one if the host is installed in it, else that of the command on PATH."""
    if importlib.util.find_spec("hermes_cli") is not None:
        return Path(sys.executable)
    found = shutil.which("hermes")
    return None if found is None else _python_of(Path(found))


def _python_of(launcher: Path, depth: int = 0) -> Path | None:
    """Follow a launcher to its interpreter: a console script names it, a wrapper calls another launcher."""
    try:
        head = launcher.read_bytes()[:4096].decode("utf-8", "replace")
    except OSError:
        return None
    first, _, rest = head.partition("\n")
    words = first.removeprefix("#!").split()
    if first.startswith("#!") and words and "python" in Path(words[0]).name:
        return Path(words[0])
    for line in rest.splitlines():
        for word in _words(line):
            path = Path(word)
            if "python" in path.name and path.is_absolute() and os.access(path, os.X_OK):
                return path
            if path.name == "hermes" and path != launcher and path.is_file() and depth < 3:
                return _python_of(path, depth + 1)
    return None


def _words(line: str) -> list[str]:
    try:
        return [os.path.expandvars(word) for word in shlex.split(line, comments=True)]
    except ValueError:
        return []


@dataclass(frozen=True, slots=True)
class Import:
    """Whether the Python that runs the host can import Threadline.

    Attributes:
        python: that Python; None: it was not found.
        version: of the Threadline that it imports; None: it imports none.
        error: why it does not, on one line.
    """

    python: Path | None
    version: str | None = None
    error: str | None = None

    @property
    def advice(self) -> str:
        """What to do where it is not imported."""
        if self.python is None:
            return "Look whether `hermes memory status` lists threadline; if not, install it into the Python of hermes."
        return install_command(self.python)


def install_command(python: Path) -> str:
    """How Threadline is installed into a Python."""
    return f"Run: {shlex.quote(str(python))} -m pip install threadline   (or: uv pip install --python ... threadline)"


_ASK = (
    "import threadline, threadline.hosts.hermes as hermes\nhermes.register\nprint('threadline', threadline.__version__)"
)


def try_import(python: Path | None = None) -> Import:
    """Ask the Python that runs the host for our version, in a process of its own."""
    python = python or find_python()
    if python is None:
        return Import(None, error="The Python that runs hermes was not found: there is no command hermes on PATH.")
    try:
        ran = subprocess.run(  # noqa: S603 - the interpreter of the user's own host
            [str(python), "-P", "-c", _ASK], capture_output=True, text=True, timeout=_IMPORT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Import(python, error=f"{python} does not run ({error}).")
    told = ran.stdout.split()
    if ran.returncode == 0 and told[:1] == ["threadline"]:
        return Import(python, version=told[1])
    reason = next((line for line in reversed(ran.stderr.splitlines()) if line.strip()), "it said nothing")
    return Import(python, error=f"{python} cannot import threadline ({reason.strip()}).")
