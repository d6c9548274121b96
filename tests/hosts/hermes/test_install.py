"""Into a home of the host and out again: nothing else in `config.yaml` is touched, and all of it can be undone."""

from __future__ import annotations

import ast
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from threadline import InputError, StorageError
from threadline.hosts.hermes.activation import ConfigYamlError, provider_of, read_config, set_provider, unset_provider
from threadline.hosts.hermes.install import FILES, Step, carry_out, look, packaged, plan_install, plan_uninstall
from threadline.hosts.hermes.places import Places, find_hermes_home, find_python, managed_by, try_import


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = tmp_path / "hermes"
    home.mkdir()
    return Places(home)


def install(places: Places) -> list[Step]:
    steps = plan_install(places)
    carry_out(steps)
    return steps


def uninstall(places: Places) -> list[Step]:
    steps = plan_uninstall(places)
    carry_out(steps)
    return steps


def told(steps: list[Step], path: Path) -> str:
    return next(step.told for step in steps if step.path == path)


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


#: A text, and what it becomes: every way in which people write such a file.
WRITTEN = {
    "nothing": ("", "memory:\n  provider: threadline\n"),
    "only a comment, no line end": ("# mine", "# mine\nmemory:\n  provider: threadline\n"),
    "no memory": ("a: 1\n", "a: 1\nmemory:\n  provider: threadline\n"),
    "no line end": ("a: 1", "a: 1\nmemory:\n  provider: threadline\n"),
    "a comment at the end": ("a: 1\n# end", "a: 1\n# end\nmemory:\n  provider: threadline\n"),
    "line ends of Windows": ("a: 1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\nmemory:\r\n  provider: threadline\r\n"),
    "a section with line ends of Windows": (
        "memory:\r\n  # c\r\n  b: 1\r\n",
        "memory:\r\n  provider: threadline\r\n  # c\r\n  b: 1\r\n",
    ),
    "an empty section": ("memory:\nz: 1\n", "memory:\n  provider: threadline\nz: 1\n"),
    "an empty section with a comment": ("memory:  # why\nz: 1\n", "memory:  # why\n  provider: threadline\nz: 1\n"),
    "an empty section at the end": ("a: 1\nmemory:", "a: 1\nmemory:\n  provider: threadline"),
    "null": ("memory: null # x\n", "memory: {provider: threadline} # x\n"),
    "an empty inline section": ("memory: {}\n", "memory: {provider: threadline}\n"),
    "an inline section": ("memory: {a: 1,\n  b: 2}\n", "memory: {provider: threadline, a: 1,\n  b: 2}\n"),
    "an inline section with the key": ("memory: { provider : x }\n", "memory: { provider : threadline }\n"),
    "comments and blanks": (
        "memory:\n\n    # about a\n    a:   'x'   # c\n\nz: [1,2]\n",
        "memory:\n    provider: threadline\n\n    # about a\n    a:   'x'   # c\n\nz: [1,2]\n",
    ),
    "another provider": (
        "memory:\n    provider: 'hindsight'   # c\n    b: 2\n",
        "memory:\n    provider: 'threadline'   # c\n    b: 2\n",
    ),
    "no provider, written": ("memory:\n  provider:\n  b: 1\n", "memory:\n  provider: threadline\n  b: 1\n"),
    "an empty provider": ('memory:\n  provider: ""\n', 'memory:\n  provider: "threadline"\n'),
    "tabs": ("memory:\t# tab\n  provider:\tx\t# y\n", "memory:\t# tab\n  provider:\tthreadline\t# y\n"),
    "JSON": ('{\n  "a": 1\n}\n', '{\n  "memory": {"provider": "threadline"}, "a": 1\n}\n'),
    "empty JSON": ("{}", '{"memory": {"provider": "threadline"}}'),
    "JSON with a section": ('{"memory": {"provider": ""}}', '{"memory": {"provider": "threadline"}}'),
    "JSON with another section": ('{"memory": {"a": 1}}', '{"memory": {"provider": "threadline", "a": 1}}'),
    "a section that is an alias": (
        "x: &m {provider: foo, k: 1}\nmemory: *m\n",
        "x: &m {provider: foo, k: 1}\nmemory: {<<: *m , provider: threadline}\n",
    ),
    "a provider that is an alias": (
        "x: &p foo\nmemory: {provider: *p}\n",
        "x: &p foo\nmemory: {provider: threadline}\n",
    ),
    "an anchor that nobody uses": ("memory:\n  provider: &p foo\n", "memory:\n  provider: &p threadline\n"),
    "an anchored section": ("memory: &m\n  k: 1\n", "memory: &m\n  provider: threadline\n  k: 1\n"),
    "all indented": ("  a: 1\n  b: 2\n", "  a: 1\n  b: 2\n  memory:\n    provider: threadline\n"),
    "a text block that ends the file": ("a: |\n  text", "memory:\n  provider: threadline\na: |\n  text"),
    "a text block that keeps its blanks": ("a: |+\n  x\n\n\n", "a: |+\n  x\n\n\nmemory:\n  provider: threadline\n"),
    "marks of the document": ("---\na: 1\n...\n", "---\na: 1\nmemory:\n  provider: threadline\n...\n"),
    "a byte order mark": ("\ufeffmemory:\n  provider: x\n", "\ufeffmemory:\n  provider: threadline\n"),
    "characters beyond 16 bits": ("😀: 1\nmemory:\n  provider: x\n", "😀: 1\nmemory:\n  provider: threadline\n"),
    "a key given twice": (
        "memory:\n  provider: a\nmemory:\n  provider: b\n",
        "memory:\n  provider: a\nmemory:\n  provider: threadline\n",
    ),
    "a tagged section": ("memory: !!map\n  a: 1\n", "memory: !!map\n  provider: threadline\n  a: 1\n"),
    "a quoted key": ("'memory':\n  \"provider\": x\n", '\'memory\':\n  "provider": "threadline"\n'),
    "a value that equals nothing": ("a: .nan\n", "a: .nan\nmemory:\n  provider: threadline\n"),
}


@pytest.mark.parametrize(("before", "after"), WRITTEN.values(), ids=WRITTEN)
def test_the_provider_is_set_and_nothing_else(before: str, after: str) -> None:
    edit = set_provider(before, "threadline")
    assert edit is not None
    assert edit.apply(before) == after
    assert edit.undo(after) == before
    assert provider_of(yaml.safe_load(after) if "\t" not in after else read_config(after)) == "threadline"
    assert set_provider(after, "threadline") is None


@pytest.mark.parametrize(("before", "after"), WRITTEN.values(), ids=WRITTEN)
def test_it_is_put_back_also_where_more_was_changed_since(before: str, after: str, places: Places) -> None:
    places.config.write_bytes(before.encode())
    install(places)
    assert places.config.read_bytes() == after.encode()
    uninstall(places)
    assert places.config.read_bytes() == before.encode()

    install(places)
    changed = after.encode() + b"# since\n" if after.endswith("\n") else after.encode() + b"\n# since\n"
    places.config.write_bytes(changed)
    uninstall(places)
    left = places.config.read_text("utf-8")
    assert left.endswith("# since\n")
    was, now = read_config(changed.decode()), read_config(left)
    assert provider_of(now) == provider_of(read_config(before))
    for config in (was, now):
        memory = {name: value for name, value in (config.pop("memory", None) or {}).items() if name != "provider"}
        config.update({"memory": memory} if memory else {})
    assert repr(sorted(now.items())) == repr(sorted(was.items()))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [1\n", "cannot be read"),
        ("a: 1\n---\nb: 2\n", "cannot be read"),
        ("a: *nobody\n", "cannot be read"),
        ("- a\n", "no list of settings"),
        ("memory: [1]\n", "no section"),
        ("memory: on\n", "no section"),
        ("memory: &m\n  k: 1\nx: *m\n", "cannot be changed alone"),
        ("memory:\n  provider: &p foo\nx: *p\n", "cannot be changed alone"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text: str, why: str, places: Places) -> None:
    places.config.write_text(text, "utf-8")
    before = tree(places.hermes)
    with pytest.raises(ConfigYamlError, match=why) as caught:
        plan_install(places)
    assert "\n" not in str(caught.value)
    assert tree(places.hermes) == before


def test_a_provider_that_is_not_there_need_not_be_taken_out() -> None:
    assert unset_provider("memory:\n  a: 1\n") is None


def test_an_installation_writes_what_the_host_looks_for(places: Places) -> None:
    steps = install(places)
    assert all(step.changes for step in steps)
    assert {path.name for path in places.plugin.iterdir()} == set(FILES)
    shim = (places.plugin / "__init__.py").read_text("utf-8")
    assert "register_memory_provider" in shim[:8192]
    assert json.loads(places.settings.read_text("utf-8")) == {"bank_id": "hermes", "backend": "embedded"}
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (places.ours, places.settings, places.record, places.config)]
    assert modes == [0o700, 0o600, 0o600, 0o600]
    assert told(steps, places.config) == "memory.provider: threadline (there was no such file)"
    found = look(places)
    assert found.current
    assert found.active


def test_repeating_it_changes_nothing(places: Places) -> None:
    places.config.write_text("memory:\n  provider: mem0 # mine\n", "utf-8")
    assert told(install(places), places.config) == "memory.provider: threadline (was mem0)"
    before = tree(places.hermes)
    assert not any(step.changes for step in install(places))
    assert tree(places.hermes) == before


def test_a_dry_run_shows_the_same_list_and_changes_nothing(places: Places) -> None:
    places.config.write_text("a: 1\n", "utf-8")
    before = tree(places.hermes)
    planned = [(step.path, step.told) for step in plan_install(places)]
    assert tree(places.hermes) == before
    assert [(step.path, step.told) for step in install(places)] == planned


def test_the_mode_of_the_file_stays_and_a_link_to_it_too(places: Places, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("a: 1\n", "utf-8")
    real.chmod(0o640)
    places.config.symlink_to(real)
    install(places)
    assert places.config.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "threadline" in real.read_text("utf-8")
    uninstall(places)
    assert real.read_text("utf-8") == "a: 1\n"


def test_an_uninstallation_leaves_nothing_but_memories_and_settings(places: Places) -> None:
    before = tree(places.hermes)
    install(places)
    (places.plugin / "__pycache__").mkdir()
    (places.plugin / "__pycache__" / "cli.pyc").touch()
    (places.ours / "journal.db").write_text("memories", "utf-8")
    steps = uninstall(places)
    assert told(steps, places.config) == "removed (there was none before)"
    left = tree(places.hermes)
    assert set(left) - set(before) == {"plugins", "threadline", "threadline/config.json", "threadline/journal.db"}
    assert not any(step.changes for step in uninstall(places))


def test_a_provider_chosen_since_stays(places: Places) -> None:
    install(places)
    places.config.write_text("memory: {provider: mem0}\n", "utf-8")
    assert "does not name threadline" in told(uninstall(places), places.config)
    assert places.config.read_text("utf-8") == "memory: {provider: mem0}\n"


def test_without_a_record_only_our_key_goes(places: Places) -> None:
    install(places)
    places.config.write_text("memory:\n  provider: threadline\n  a: 1\n", "utf-8")
    places.record.write_text("{", "utf-8")
    uninstall(places)
    assert places.config.read_text("utf-8") == "memory:\n  a: 1\n"
    assert not places.record.exists()


def test_what_others_put_into_the_folder_stays(places: Places) -> None:
    install(places)
    (places.plugin / "notes.txt").touch()
    assert "notes.txt" in told(uninstall(places), places.plugin)
    assert [path.name for path in places.plugin.iterdir()] == ["notes.txt"]


def test_another_plug_in_of_our_name_is_left_alone(places: Places) -> None:
    places.plugin.mkdir(parents=True)
    (places.plugin / "__init__.py").write_text("register_memory_provider = 1\n", "utf-8")
    before = tree(places.hermes)
    with pytest.raises(InputError, match="another plug-in"):
        plan_install(places)
    assert "another plug-in" in told(uninstall(places), places.plugin)
    assert tree(places.hermes) == before


def test_files_of_another_version_are_replaced(places: Places) -> None:
    install(places)
    shim = places.plugin / "__init__.py"
    shim.write_text(shim.read_text("utf-8") + "# old\n", "utf-8")
    assert look(places).differing == ("__init__.py",)
    assert told(install(places), shim) == "replaced (it was of another version, or changed)"
    assert shim.read_text("utf-8") == packaged("__init__.py")


def test_what_is_open_to_others_is_closed(places: Places) -> None:
    places.ours.mkdir(mode=0o755)
    places.settings.write_text('{"bank_id": "x"}', "utf-8")
    places.settings.chmod(0o644)
    steps = install(places)
    assert "its mode was 755" in told(steps, places.ours)
    assert "its mode was 644" in told(steps, places.settings)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (places.ours, places.settings)] == [0o700, 0o600]
    assert places.settings.read_text("utf-8") == '{"bank_id": "x"}'


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no home of Hermes"):
        plan_install(Places(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_what_the_machine_manages_is_left_to_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HERMES_MANAGED", raising=False)
    assert managed_by(places.hermes) is None
    (places.hermes / ".managed").touch()
    with pytest.raises(InputError, match="managed by NixOS"):
        plan_install(places)
    places.config.write_text("memory: {provider: threadline}\n", "utf-8")
    assert not next(step for step in plan_install(places) if step.path == places.config).changes
    assert managed_by(places.hermes, {"HERMES_MANAGED": "brew"}) == "brew"


def test_a_file_that_changed_in_between_is_not_overwritten(places: Places) -> None:
    places.config.write_text("a: 1\n", "utf-8")
    steps = plan_install(places)
    places.config.write_text("a: 2\n", "utf-8")
    with pytest.raises(InputError, match="somebody else"):
        carry_out(steps)
    assert places.config.read_text("utf-8") == "a: 2\n"


def test_a_file_that_is_not_utf8_is_refused(places: Places) -> None:
    places.config.write_bytes("a: ü\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8"):
        plan_install(places)
    assert look(places).provider is None


def test_a_home_that_cannot_be_written_is_one_line(places: Places) -> None:
    (places.hermes / "plugins").touch()
    with pytest.raises(StorageError) as caught:
        install(places)
    assert "\n" not in str(caught.value)
    assert not places.config.exists(), "what names the provider comes last"


# Where the home is


def test_the_home_is_the_one_that_hermes_would_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    native, coder = tmp_path / ".hermes", tmp_path / ".hermes" / "profiles" / "coder"
    coder.mkdir(parents=True)
    assert find_hermes_home(environ={}) == native
    assert find_hermes_home("~/x", environ={}) == tmp_path / "x"
    assert find_hermes_home(environ={"HERMES_HOME": "/opt/data"}) == Path("/opt/data")
    (native / "active_profile").write_text("Coder\n", "utf-8")
    assert find_hermes_home(environ={}) == coder
    assert find_hermes_home(environ={"HERMES_HOME": str(native)}) == coder
    assert find_hermes_home(environ={"HERMES_HOME": str(native / "profiles" / "other")}).name == "other"
    assert find_hermes_home(environ={"HERMES_HOME": "/opt/data"}) == Path("/opt/data")
    (native / "active_profile").write_text("default\n", "utf-8")
    assert find_hermes_home(environ={}) == native
    (native / "active_profile").write_text("gone\n", "utf-8")
    with pytest.raises(InputError, match="'gone'"):
        find_hermes_home(environ={})


# The Python that runs the host


def launcher(folder: Path, text: str, name: str = "hermes") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("kind", ["script", "long", "wrapper", "link"])
def test_the_python_of_hermes_is_found(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = launcher(tmp_path / "venv", "", "python3.11")
    script = f"#!{python}\nimport sys\n"
    real = launcher(tmp_path / "venv", script)
    bin_ = tmp_path / "bin"
    if kind == "script":
        launcher(bin_, script)
    elif kind == "long":
        launcher(bin_, f"#!/bin/sh\n'''exec' '{python}' \"$0\" \"$@\"\n' '''\nimport sys\n")
    elif kind == "wrapper":
        launcher(bin_, f'#!/usr/bin/env bash\nunset PYTHONPATH\nexec "{real}" "$@"\n')
    else:
        bin_.mkdir()
        (bin_ / "hermes").symlink_to(real)
    monkeypatch.setenv("PATH", str(bin_))
    assert find_python() == python


def test_a_python_that_is_not_found_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = try_import()
    assert found.python is None
    assert "no command hermes" in (found.error or "")
    assert "hermes memory status" in found.advice


def test_whether_it_imports_us_is_tried(tmp_path: Path) -> None:
    assert try_import(Path(sys.executable)).version is not None
    bare = launcher(tmp_path / "bin", f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', "python")
    found = try_import(bare)
    assert found.version is None
    assert "ModuleNotFoundError" in (found.error or "")
    assert "pip install threadline" in found.advice
    assert "does not run" in (try_import(tmp_path / "nothing").error or "")


# The files for the host


def test_the_files_import_nothing_of_ours_when_they_are_read() -> None:
    for name in FILES:
        if name.endswith(".py"):
            for node in ast.parse(packaged(name)).body:
                assert not isinstance(node, ast.Import | ast.ImportFrom) or "threadline" not in ast.unparse(node), name


def test_the_shim_says_in_one_line_that_threadline_is_missing(tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.mkdir()
    (agent / "__init__.py").touch()
    (agent / "memory_provider.py").write_text("class MemoryProvider: pass\n", "utf-8")
    (tmp_path / "shim.py").write_text(packaged("__init__.py"), "utf-8")
    (tmp_path / "host.py").write_text(
        "import shim\n"
        "class Context:\n"
        "    def register_memory_provider(self, provider): self.provider = provider\n"
        "for _ in range(3):\n"
        "    context = Context()\n"
        "    shim.register(context)\n"
        "    assert context.provider.is_available() is False\n"
        "assert context.provider.name == 'threadline'\n"
        "print(context.provider.get_status_config({})['problem'])\n",
        "utf-8",
    )
    ran = subprocess.run(
        [sys.executable, "-S", "host.py"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout.startswith("Threadline is not installed in the Python that runs Hermes")
    assert f"{sys.executable} -m pip install --upgrade threadline" in ran.stdout
    assert ran.stderr.splitlines().count(ran.stdout.strip()) == len(ran.stderr.splitlines())
