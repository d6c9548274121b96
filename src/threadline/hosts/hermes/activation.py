"""`memory.provider` in the host's `config.yaml`, and nothing else of it.

The place to change is found in the tree that the host's own parser makes of the file, and only those characters are
replaced: comments, order, quotes, anchors, line ends and blanks elsewhere are not touched, as nothing is written anew
from the tree. Each change is tried on the text first and taken only when the parser then reads the same settings with
nothing but the provider changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import yaml

from threadline.errors import InputError

#: The loader that the host uses: libyaml's where it is there. The two differ in what they take, in tabs for one.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_BOM = "\ufeff"


class ConfigYamlError(InputError):
    """The host's `config.yaml` cannot be read, or not changed in one place alone."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a text.

    Attributes:
        at: where, in characters.
        old: what stood there.
        new: what stands there instead.
    """

    at: int
    old: str
    new: str

    def apply(self, text: str) -> str:
        """The text with the change."""
        return text[: self.at] + self.new + text[self.at + len(self.old) :]

    def undo(self, text: str) -> str:
        """The text without the change."""
        return text[: self.at] + self.old + text[self.at + len(self.new) :]


def read_config(text: str) -> dict[str, Any]:
    """The settings that the host reads from the text.

    Raises:
        ConfigYamlError: they cannot be read; the host would fall back to its defaults.
    """
    try:
        found = yaml.load(text, _LOADER)  # noqa: S506 - it is the safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigYamlError(
            f"config.yaml cannot be read: {_reason(error)}. Mend it first; nothing was changed."
        ) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigYamlError("config.yaml is no list of settings (`name: value`). Mend it first; nothing was changed.")
    return found


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return problem if mark is None else f"{problem}, line {mark.line + 1}, column {mark.column + 1}"


def provider_of(config: Mapping[str, Any]) -> str:
    """The memory provider that the host would load; empty: none but its own."""
    memory = config.get("memory")
    name = memory.get("provider") if isinstance(memory, dict) else None
    return name.strip() if isinstance(name, str) else ""


def set_provider(text: str, name: str) -> Edit | None:
    """The change that makes `name` the memory provider; None: it is.

    Raises:
        ConfigYamlError: the text cannot be read, or has no place where this alone can be changed.
    """
    config = read_config(text)
    memory = config.get("memory")
    if provider_of(config) == name:
        return None
    if not (memory is None or isinstance(memory, dict)):
        raise ConfigYamlError("`memory` in config.yaml is no section. Mend it first; nothing was changed.")
    wanted = copy.deepcopy(config)
    wanted["memory"] = {**(memory or {}), "provider": name}
    return _first_that_does(text, wanted, partial(_ways_to_set, name=name), f"memory.provider: {name}")


def unset_provider(text: str, added: str = "") -> Edit | None:
    """The change that takes the memory provider out; None: there is none.

    Args:
        text: of the file.
        added: what our own change had put in, if it is known: it goes as a whole, if nothing was put into it since.

    Raises:
        ConfigYamlError: the text cannot be read, or has no place where this alone can be changed.
    """
    config = read_config(text)
    if not provider_of(config):
        return None
    wanted = copy.deepcopy(config)
    del wanted["memory"]["provider"]
    return _first_that_does(text, wanted, partial(_ways_to_unset, added=added), "memory.provider: ''")


def _first_that_does(text: str, wanted: dict[str, Any], ways: Callable[[str], Iterator[Edit]], by_hand: str) -> Edit:
    mark = _BOM if text.startswith(_BOM) else ""  # the parser does not count it
    for way in ways(text.removeprefix(_BOM)):
        edit = replace(way, at=way.at + len(mark))
        try:
            became = read_config(edit.apply(text))
        except ConfigYamlError:
            continue
        if _same(became, wanted):
            return edit
    raise ConfigYamlError(
        f"config.yaml is written such that the memory provider cannot be changed alone (an anchor that others share, "
        f"or the like). Set {by_hand} in it by hand; nothing was changed."
    )


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether they say the same. No provider, an empty one and no section at all are the same to the host."""
    return _normal(one) == _normal(other)


def _normal(config: Mapping[str, Any]) -> str:
    memory = dict(config["memory"]) if isinstance(config.get("memory"), dict) else {}
    if not memory.get("provider"):
        memory.pop("provider", None)
    rest = {name: value for name, value in config.items() if name != "memory"}
    return repr((sorted(memory.items(), key=repr), sorted(rest.items(), key=repr)))  # nan is not equal to itself


# The places


@dataclass(frozen=True, slots=True)
class _Tree:
    """What the parser says of the text.

    Attributes:
        text: the text.
        root: its settings; None: there are none.
        key: the key `memory`.
        section: what stands behind it.
        aliases: where an alias (`*name`) stands in the text, by its first character, and its end.
    """

    text: str
    root: yaml.MappingNode | None
    key: yaml.ScalarNode | None
    section: yaml.Node | None
    aliases: Mapping[int, int]

    @classmethod
    def of(cls, text: str) -> _Tree:
        root = yaml.compose(text, _LOADER)
        mapping = root if isinstance(root, yaml.MappingNode) else None
        key, section = (None, None) if mapping is None else _entry(mapping, "memory")
        events = yaml.parse(text, _LOADER)
        aliases = {e.start_mark.index: e.end_mark.index for e in events if isinstance(e, yaml.AliasEvent)}
        return cls(text, mapping, key, section, aliases)

    @property
    def newline(self) -> str:
        """How lines end."""
        at = self.text.find("\n")
        return "\r\n" if at > 0 and self.text[at - 1] == "\r" else "\n"

    def line_end(self, at: int) -> int:
        """Where the line of a character ends, its line end not counted."""
        end = self.text.find("\n", at)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > at and self.text[end - 1] == "\r" else end

    def alias_after(self, key: yaml.Node, value: yaml.Node) -> tuple[int, int] | None:
        """Where the alias stands that is the value of a key, if it is one."""
        if value.start_mark.index >= key.end_mark.index:
            return None
        start = min((at for at in self.aliases if at >= key.end_mark.index), default=None)
        return None if start is None else (start, self.aliases[start])


def _entry(mapping: yaml.MappingNode, name: str) -> tuple[yaml.ScalarNode | None, yaml.Node | None]:
    """The key and its value; of several, the last, as that is the one that the parser keeps."""
    found: tuple[yaml.ScalarNode | None, yaml.Node | None] = (None, None)
    for key, value in mapping.value:
        if isinstance(key, yaml.ScalarNode) and key.value == name:
            found = (key, value)
    return found


def _ways_to_set(text: str, name: str) -> Iterator[Edit]:
    tree = _Tree.of(text)
    if tree.root is None:
        yield from _into_nothing(tree, name)
    elif tree.key is None or tree.section is None:
        yield from _into_root(tree, tree.root, name)
    else:
        yield from _into_section(tree, tree.key, tree.section, name)


def _into_nothing(tree: _Tree, name: str) -> Iterator[Edit]:
    """A file without a setting: at most comments."""
    section = f"memory:{tree.newline}  provider: {name}{tree.newline}"
    before = "" if not tree.text or tree.text.endswith("\n") else tree.newline
    yield Edit(len(tree.text), "", before + section)


def _into_root(tree: _Tree, root: yaml.MappingNode, name: str) -> Iterator[Edit]:
    """Settings, but none of memory: a section behind the last one, else one before the first."""
    if root.flow_style:
        first = root.value[0][0].start_mark.index if root.value else None
        entry = f'"memory": {{"provider": "{name}"}}'
        at = root.start_mark.index + 1 if first is None else first
        yield Edit(at, "", entry if first is None else f"{entry}, ")
        return
    indent = " " * root.start_mark.column
    lines = f"memory:{tree.newline}{indent}  provider: {name}{tree.newline}"
    end = root.end_mark.index
    before = "" if tree.text[:end].endswith("\n") else tree.newline
    yield Edit(end, "", f"{before}{indent}{lines}")
    yield Edit(root.start_mark.index, "", lines + indent)


def _into_section(tree: _Tree, key: yaml.ScalarNode, section: yaml.Node, name: str) -> Iterator[Edit]:
    alias = tree.alias_after(key, section)
    if alias is not None:
        old = tree.text[slice(*alias)]
        yield Edit(alias[0], old, f"{{<<: {old} , provider: {name}}}")
    elif isinstance(section, yaml.MappingNode):
        yield from _into_mapping(tree, key, section, name)
    elif section.start_mark.index == section.end_mark.index:  # `memory:` and nothing
        indent = " " * (key.start_mark.column + 2)
        yield Edit(tree.line_end(key.end_mark.index), "", f"{tree.newline}{indent}provider: {name}")
        yield Edit(section.end_mark.index, "", f' {{"provider": "{name}"}}')
    else:  # `memory: null`
        old = tree.text[section.start_mark.index : section.end_mark.index]
        quoted = f'{{"provider": "{name}"}}' if key.style == '"' else f"{{provider: {name}}}"
        yield Edit(section.start_mark.index, old, quoted)


def _into_mapping(tree: _Tree, key: yaml.ScalarNode, section: yaml.MappingNode, name: str) -> Iterator[Edit]:
    own, value = _entry(section, "provider")
    if own is not None and value is not None:
        yield from _instead_of(tree, own, value, name)
        return
    first = section.value[0][0] if section.value else None
    if section.flow_style:
        quoted = key.style == '"' or (first is not None and first.style == '"')
        entry = f'"provider": "{name}"' if quoted else f"provider: {name}"
        opened = tree.text.find("{", section.start_mark.index) + 1
        yield Edit(opened, "", entry) if first is None else Edit(first.start_mark.index, "", f"{entry}, ")
    elif first is not None:
        indent = " " * first.start_mark.column
        # Right below `memory:`, so that a comment above the first entry stays with it.
        yield Edit(tree.line_end(key.end_mark.index), "", f"{tree.newline}{indent}provider: {name}")
        yield Edit(first.start_mark.index, "", f"provider: {name}{tree.newline}{indent}")


def _instead_of(tree: _Tree, key: yaml.ScalarNode, value: yaml.Node, name: str) -> Iterator[Edit]:
    """Another provider, or none, where ours shall stand; quoted as that is."""
    alias = tree.alias_after(key, value)
    start, end = alias or (value.start_mark.index, value.end_mark.index)
    if start == end:
        yield Edit(start, "", f" {name}" if name else " ''")
        return
    if alias is None:  # without the anchor or tag before it
        start = max((t.start_mark.index for t in _scalars(tree.text) if t.end_mark.index == end), default=start)
    quote = tree.text[start] if tree.text[start] in "\"'" else ""
    if key.style == '"' or not name:
        quote = quote or ('"' if key.style == '"' else "'")
    yield Edit(start, tree.text[start:end], f"{quote}{name}{quote}")


def _scalars(text: str) -> Iterator[yaml.ScalarToken]:
    return (token for token in yaml.scan(text, _LOADER) if isinstance(token, yaml.ScalarToken))


def _ways_to_unset(text: str, added: str) -> Iterator[Edit]:
    if added and text.count(added) == 1:
        yield Edit(text.index(added), added, "")
    tree = _Tree.of(text)
    section = tree.section
    if not isinstance(section, yaml.MappingNode):
        return
    own, value = _entry(section, "provider")
    if own is None or value is None:
        return
    start = text.rfind("\n", 0, own.start_mark.index) + 1
    end = text.find("\n", own.end_mark.index) + 1 or len(text)
    yield Edit(start, text[start:end], "")
    yield from _instead_of(tree, own, value, "")
