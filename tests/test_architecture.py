"""The shape of the house: which folder may import which, and how large a room may be."""

import ast
from pathlib import Path

import pytest

import threadline

SOURCE = Path(threadline.__file__).parent

#: From top to bottom. A module imports only its own layer and those below.
LAYERS = (
    {"hosts", "cli", "server", "testing", "__main__"},
    {"importers", "demo"},
    {"aio", "backup", ""},  # the last one is the package itself, which names what is public
    {"memory", "archive"},
    {"client"},
    {"session"},
    {"prefetch"},
    {"journal"},
    {"delivery"},
    {"backends"},
    {"engine"},
    {"errors", "settings", "turns", "tags", "retry_after", "documents", "database", "harmless", "redaction", "proof"},
)
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def _part(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def _layer(part: str) -> int:
    for depth, parts in enumerate(LAYERS):
        if part in parts:
            return depth
    raise AssertionError(f"{part} stands in no layer: add it to LAYERS, and to the page on architecture")


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} if module == "threadline" else {module}
    return {name for name in names if name.split(".")[0] == "threadline"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_import_only_downwards(path: Path) -> None:
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for name in _imports(path):
        assert _layer(_part(name)) >= _layer(part), f"{path.relative_to(SOURCE)} imports {name}, which lies above"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_keep_modules_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 650


def test_export_a_sorted_list_of_names_that_exist() -> None:
    assert threadline.__all__ == sorted(threadline.__all__)
    for name in threadline.__all__:
        assert getattr(threadline, name) is not None
