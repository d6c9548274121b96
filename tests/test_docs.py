"""The pages say what the code does: every setting, error and word of the door is on its page."""

import inspect
import re
from dataclasses import Field, fields
from pathlib import Path

import pytest

import threadline
from threadline import Settings, errors
from threadline.backends.hindsight import HindsightOptions
from threadline.engine.models import fastembed, openai, plugins, sentence_transformers
from threadline.hosts.hermes.config import DECISIVE, Config, setting_names
from threadline.server.settings import ServerSettings

DOCS = Path(__file__).parent.parent / "docs"
README = DOCS.parent / "README.md"


@pytest.mark.parametrize("setting", [field for field in fields(Settings) if field.name != "home"], ids=lambda f: f.name)
def test_describe_every_setting(setting: Field[object]) -> None:
    name, default = setting.name, getattr(Settings(), setting.name)
    shown = f"{default:g}" if isinstance(default, int | float) else f"`{default}`"
    variable = "" if isinstance(default, dict) else f"`THREADLINE_{name.upper()}` "  # no table in a variable
    row = f"| `{name}` | {variable}| {'unset' if default is None else shown} |"
    assert row in (DOCS / "settings.md").read_text("utf-8")


@pytest.mark.parametrize("setting", fields(ServerSettings), ids=lambda field: field.name)
def test_describe_every_setting_of_the_server(setting: Field[object]) -> None:
    default = getattr(ServerSettings(), setting.name)
    if isinstance(default, bool):
        shown = f"`{str(default).lower()}`"
    elif isinstance(default, int | float):
        shown = f"{default:g}"
    else:
        shown = {None: "unset", (): "none"}.get(default) or f"`{default}`"
    row = f"| `{setting.name}` | `THREADLINE_{setting.name.upper()}` | {shown} |"
    assert row in (DOCS / "server.md").read_text("utf-8")


@pytest.mark.parametrize("setting", [f for f in fields(Config) if f.name in setting_names()], ids=lambda f: f.name)
def test_describe_every_setting_of_the_hermes_provider(setting: Field[object]) -> None:
    default = setting.default
    if isinstance(default, bool):
        shown = f"`{str(default).lower()}`"
    elif isinstance(default, int | float):
        shown = f"{default:g}"
    else:
        shown = {"": "empty", (): "none", None: "unset"}.get(default) or f"`{default}`"  # type: ignore[call-overload]
    assert f"| `{setting.name}` | {shown} |" in (DOCS / "hermes.md").read_text("utf-8")


def test_mark_the_settings_without_which_nothing_is_remembered() -> None:
    rows = [line.split("|") for line in (DOCS / "hermes.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    marked = {row[1].strip(" `") for row in rows if row[3:4] and row[3].startswith(" \\*")}
    assert marked == DECISIVE


@pytest.mark.parametrize("option", [field.name for field in fields(HindsightOptions)])
def test_describe_every_option_of_the_hindsight_backend(option: str) -> None:
    rows = [line for line in (DOCS / "hindsight.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    assert any(f"`{option}`" in row.split("|")[1] for row in rows)


@pytest.mark.parametrize(
    ("embedder", "option"),
    [
        (embedder, field.name)
        for embedder, kind in (
            ("fastembed", fastembed.FastEmbedOptions),
            ("sentence-transformers", sentence_transformers.SentenceTransformersOptions),
            ("openai", openai.OpenAIOptions),
        )
        for field in fields(kind)
    ],
)
def test_describe_every_option_of_an_embedder(embedder: str, option: str) -> None:
    rows = [line.split("|") for line in (DOCS / "embedders.md").read_text("utf-8").splitlines() if line.startswith("|")]
    assert any(f"`{option}`" in row[1] and f"`{embedder}`" in row[2] for row in rows)


@pytest.mark.parametrize("embedder", [plugins.NONE, *plugins.SHIPPED])
def test_describe_every_embedder(embedder: str) -> None:
    assert f"\n| `{embedder}` " in (DOCS / "embedders.md").read_text("utf-8")


@pytest.mark.parametrize("flag", [field.name for field in fields(threadline.Capabilities)])
def test_describe_every_capability(flag: str) -> None:
    assert f"| `{flag}` |" in (DOCS / "backends.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name",
    [name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__],
)
def test_describe_every_error(name: str) -> None:
    assert f"| `{name}` |" in (DOCS / "errors.md").read_text("utf-8")
    assert name in (errors.__doc__ or "")
    assert name in threadline.__all__


@pytest.mark.parametrize("page", [*sorted(DOCS.rglob("*.md")), README], ids=lambda p: p.name)
def test_link_to_what_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_run_the_example_of_the_readme(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = re.search(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found
    code = found[1].replace("~/.threadline", str(tmp_path))
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own example
    assert "Lisbon" in capsys.readouterr().out


def test_run_the_example_of_a_fake_backend(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "backends.md").read_text("utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "FakeBackend(" in block]
    exec(compile(code.replace("/tmp/demo", str(tmp_path)), "backends.md", "exec"), {})  # noqa: S102, S108 - ours
