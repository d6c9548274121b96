"""Values that are named: in code, in configuration, in URLs, on command lines and in prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from threadline.redaction.marks import MARK, Secret, within_mark
from threadline.redaction.tokens import digit_and_letter, has_digit, has_letter

NAME_TRIGGERS = (
    "pass", "pwd", "secret", "token", "key", "credential", "contrase", "authorization", "bearer",
)  # fmt: skip
_QUALIFIER = re.compile(
    r"(?:api|access|secret|private|auth|account|service|encryption|signing|master|client|db|database|app"
    r"|storage|license|subscription|shared|ssh|webhook|deploy)[ _.-]?$"
)
_QUALIFIER_AT_MOST = 13
_CLOSING = r"[\\\"'`\])*]{0,4}"
_NAME = re.compile(
    rf"""(?:
      (?P<password> passwords? | passwd | passphrase | passcode | pwd | contrase(?:ñ|n)a
                  | (?:(?<![a-z])|(?<=user)|(?<=db))pass )
    | (?P<secret> secret(?:[ _.-]?(?:access[ _.-]?)?(?:key|token))? )
    | (?P<key> key | credentials? )
    | (?P<token> token )
    | (?P<header> authorization{_CLOSING}[ \t]{{0,8}}[:=][ \t]{{0,8}}["']?
                  (?:(?:bearer|basic|token|digest|apikey|bot)[ \t]{{1,8}})?
                | (?<![a-z])bearer[ \t]{{1,8}} )
    )
    (?(header) | [0-9]{{0,3}}(?![a-z0-9])
      (?: (?P<below> {_CLOSING}:(?:\*\*)?[ \t]{{0,4}}(?:\r?\n[ \t]{{0,8}}){{1,2}} )
        | (?P<assigned> {_CLOSING}[ \t]{{0,8}}(?:=>|:=|={{1,3}}|!={{1,2}}|:{{1,2}}|>)(?:\*\*)?[ \t]{{0,8}} )
        | (?P<said> (?:[ \t]{{1,4}}(?:for|to|of|on|at)[ \t][^\n.:;?!="'`]{{1,40}}?)?
                    [ \t]{{1,4}}(?:is|was|will[ ]be|to|as)(?:[ \t]{{0,4}}:)?[ \t]{{1,4}} )
        | (?P<flag> [ \t]{{1,4}} )
      )
    )""",
    re.VERBOSE,
)
_BEFORE_FLAG = re.compile(r"(?:(?:^|\s)--[\w-]{0,40}|login[ \t]{1,4}\S{1,64}[ \t]{1,4})$")
_FLAG_AT_MOST = 78
_OPENING = re.compile(r"""(?:[brfu@](?=["']))?(?P<quote>\\?["'`])""", re.IGNORECASE)
_UNQUOTED = re.compile(r"""[^\s"'`<>]{1,256}""")
_UNQUOTED_REST = re.compile(r"""[^\s"'`<>]*+""")
_UNQUOTED_STOP = re.compile(r"\\[nrt\"']|&(?=[\w.-]{1,40}=)")
_QUOTED_AT_MOST = 2048
_KINDS = {"password": "password", "secret": "secret", "key": "api-key", "token": "token", "header": "token"}


@dataclass(frozen=True, slots=True)
class _Value:
    """What stands after a name.

    Attributes:
        how: `assigned` (`name = value`), `said` (`name is value`), `below` (on the next line), `flag` or
            `header`.
        alone: nothing but the end of the line follows.

    """

    text: str
    name: str
    how: str
    quoted: bool
    alone: bool


def find_named_values(text: str, lowered: str, names: frozenset[str]) -> Iterator[Secret]:
    """`password: hunter2`, `"api_key": "..."`, `my password is ...`, `Authorization: Bearer ...`."""
    covered = 0
    marked = MARK in text
    for place in _places(lowered, names):
        if marked and within_mark(text, place):
            continue
        match = _NAME.match(lowered, place)
        if not match or match.end() < covered or not _is_name(match, text, lowered):
            continue
        start, end, value = _read_value(text, match.end(), match)
        if _is_secret(value):
            if not value.quoted and end - start >= 256:
                end = _UNQUOTED_REST.match(text, end).end()  # type: ignore[union-attr]  # it matches anything
            covered = end
            yield Secret(start, end, _KINDS[value.name])


def _places(lowered: str, names: frozenset[str]) -> list[int]:
    """Where a name may begin, in order."""
    places = []
    for name in names.intersection(NAME_TRIGGERS):
        place = lowered.find(name)
        while place >= 0:
            places.append(place)
            place = lowered.find(name, place + len(name))
    return sorted(places)


def _is_name(match: re.Match[str], text: str, lowered: str) -> bool:
    start = match.start()
    if match["key"] == "key" and not _QUALIFIER.search(lowered, max(0, start - _QUALIFIER_AT_MOST), start):
        return False
    if match["flag"]:
        near = max(0, start - _FLAG_AT_MOST)
        if lowered.find("--", near, start) < 0 and lowered.find("login", near, start) < 0:
            return False
        return _BEFORE_FLAG.search(lowered, near, start) is not None
    # PASS: and pass are what tests and doors do; as a name it is assigned, and lower case or part of one.
    if match.end("password") - start == len("pass"):
        part_of_name = lowered[start - 1 : start] in {"_", "-"}
        return match["assigned"] is not None and (part_of_name or text[start : start + 4] != "PASS")
    return True


def _read_value(text: str, start: int, match: re.Match[str]) -> tuple[int, int, _Value]:
    name = next(kind for kind in _KINDS if match[kind])
    how = "header" if name == "header" else next(h for h in ("below", "assigned", "said", "flag") if match[h])
    opening = _OPENING.match(text, start)
    if opening:
        quote, begin = opening["quote"], opening.end()
        end = text.find(quote, begin, begin + _QUOTED_AT_MOST)
        if end >= 0 and text.find("\n", begin, end) < 0:
            return begin, end, _Value(text[begin:end], name, how, quoted=True, alone=False)
        start = begin
    found = _UNQUOTED.match(text, start)
    if not found:
        return start, start, _Value("", name, how, quoted=False, alone=False)
    value = found[0]
    if ("&" in value or "\\" in value) and (stop := _UNQUOTED_STOP.search(value)):
        value = value[: stop.start()]
    value = value.rstrip(",;.:)]}*|")
    end = start + len(value)
    alone = not text[end : end + 200].partition("\n")[0].strip(" \t\r.")
    return start, end, _Value(value, name, how, quoted=False, alone=alone)


def _is_secret(value: _Value) -> bool:
    if not _has_shape(value):
        return False
    return not placeholder(value.text) and (value.quoted or not reference(value.text))


def _has_shape(value: _Value) -> bool:
    """Whether it looks enough like a secret for what its name and its place promise."""
    text = value.text
    match value.name, value.how:
        case "header", _:
            return " " not in text and (_strong(text, 8) or len(text) >= 20)
        case "password", "assigned" | "flag":
            return _looks_like_password(value)
        case "secret", "assigned" | "flag" if value.quoted:
            return len(text) >= 6 and (" " not in text or digit_and_letter(text)) and not _words(text)
        case "password", "below":
            return value.alone and len(text) >= 6 and _mixed(text)
        case "password", _:
            return (value.quoted and _chosen(text)) or (len(text) >= 6 and _mixed(text) and not _measure(text))
        case _, "below":
            return value.alone and _strong(text, 12)
        case "token", _:
            return _strong(text, 16)
        case _:
            return _strong(text, 8 if value.name == "secret" else 12)


def _looks_like_password(value: _Value) -> bool:
    text = value.text
    if value.quoted:
        return _chosen(text)
    if _mixed(text):
        return len(text) >= 4 and not _measure(text)
    if text.isdigit():
        return len(text) >= 4
    return value.alone and value.how == "assigned" and len(text) >= 6 and text.isalpha()


def _chosen(text: str) -> bool:
    """Tell a quoted password from a label: anything of some length that does not speak of passwords."""
    return len(text) >= 4 and not _words(text)


_NAMES_SOMETHING = re.compile(r"pass(?:word|wd|phrase)|secret|token|api.?key|credential|contrase", re.IGNORECASE)


def _words(text: str) -> bool:
    """Text about secrets (`Enter your password`, `user_password`), as forms, code and translations hold."""
    return not has_digit(text) and _NAMES_SOMETHING.search(text) is not None


_DIGIT_OR_SIGN = re.compile(r"[\d!@#$%^&*+=~?|\\{}\[\]()<>]")


def _mixed(text: str) -> bool:
    """Letters with digits, or with a sign that words do not have."""
    return has_letter(text) and _DIGIT_OR_SIGN.search(text) is not None


_SPACE = re.compile(r"\s")


def _strong(text: str, least: int) -> bool:
    """Long, unbroken, letters with digits: what a machine makes, and not what a person writes."""
    return len(text) >= least and digit_and_letter(text) and _SPACE.search(text) is None


_MEASURE = re.compile(
    r"\d+[-\N{EN DASH}]?\d*[-\N{EN DASH}]?"
    r"(?:(?:char|digit|letter|bit|byte|word|symbol|day|hour|min|month|year|time)\w*)?$"
    r"|(?:sha|md|base|utf|aes|rsa|bcrypt|argon|pbkdf|oauth|http|tls|ssl|v)-?\d+.{0,24}$",
    re.IGNORECASE,
)


def _measure(text: str) -> bool:
    """Tell what is said about passwords, with a digit in it: `12-character`, `SHA-256`, `base64-encoded`."""
    return _MEASURE.match(text) is not None


_PLACEHOLDER = re.compile(
    r"""(?:your|example|dummy|placeholder|redacted|masked|hidden|insert|enter|replace|todo)(?:[-_\s].*|\w*)$
      | \$\{ | \$\( | \{\{ | \{[\w.]+\}$ | <[^<>]*>?$
      | %\w*%$ | %[sd]$ | %\(\w+\)s | \$[a-z_]\w*(?:$|->|\[) | \^
      | (.)\1*$ | [*.\N{BULLET}x_\N{HORIZONTAL ELLIPSIS}-]+$
      | \w{0,16}(?:\*{3,}|\.{3}|\N{HORIZONTAL ELLIPSIS})""",
    re.IGNORECASE | re.VERBOSE,
)
_PLAIN = re.compile(
    r"(?:any|array|bool|boolean|byte|bytes|char|code|correct|default|disabled|empty|enabled|encrypted|expired"
    r"|false|field|float|forgotten|function|hashed|hidden|id|import|incorrect|input|int|integer|invalid|key"
    r"|missing|nil|no|none|null|number|object|off|ok|on|optional|param|password|private|protected|public"
    r"|redacted|required|reset|same|secret|secretstr|self|settings|some|str|string|text|token|true|type"
    r"|undefined|unknown|value|varchar|wrong|yes)[?!]?$",
    re.IGNORECASE,
)


def placeholder(text: str) -> bool:
    """Tell what stands where a secret would: `<token>`, `${TOKEN}`, `your-key`, `****`, a type, our mark."""
    return MARK in text or _PLAIN.match(text) is not None or _PLACEHOLDER.match(text) is not None


_REFERENCE = re.compile(
    r"""[A-Za-z_]\w*(?:(?:\.|\?\.|->|::)[A-Za-z_]\w*)*[\[({]      # get_token(, os.environ[, Secret{
      | [A-Za-z_]\w*(?:(?:\.|\?\.|->|::)[A-Za-z_]\w*)+$            # config.token
      | [A-Za-z]+(?:_[A-Za-z]+)+$                                  # db_pw
      | (?:u?int|i|u|f|float|bytes|str|string|n?varchar|char)\d*\??$  # a type
      | (?:~|\.{1,2})?/ | [A-Za-z]:\\ | [a-z][a-z0-9+.-]*://      # a path, a URL
      | [&*]\w+$ | @\w+$                                           # &str, @decorator
    """,
    re.VERBOSE,
)


def reference(text: str) -> bool:
    """Code or a path that says where the secret is: it is not the secret."""
    return _REFERENCE.match(text) is not None or _words(text)


_CURL_USER = re.compile(r"""(?<!\S)(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"']{1,128}:(?P<password>[^\s"']{1,256})""")
_WORD_AT_MOST = 65
_SAID_BEFORE = re.compile(
    r"(?:is|as|=)[ \t](?:my|our|the|her|his|their)[ \t](?:[\w-]{1,20}[ \t]){0,2}pass(?:word|phrase|code)"
)


def find_command_passwords(text: str, lowered: str, names: frozenset[str]) -> Iterator[Secret]:
    """`curl -u name:password`, and `hunter2 is my password`."""
    if "-u" in names:
        for match in _CURL_USER.finditer(text):
            if not placeholder(match["password"]) and not match["password"].isdigit():
                yield Secret(*match.span("password"), "password")
    if "pass" not in names:
        return
    for match in _SAID_BEFORE.finditer(lowered):
        before = text[max(0, match.start() - _WORD_AT_MOST) : match.start()].rsplit(None, 1)
        value = before[-1].strip("\"'`*,.") if before else ""
        if len(value) < 6 or not digit_and_letter(value) or placeholder(value) or reference(value):
            continue
        start = text.rindex(value, 0, match.start())
        yield Secret(start, start + len(value), "password")


_USERINFO = re.compile(r"""://[^\s:/@?#"'<>`\\]{0,256}:(?P<password>[^\s/@"'<>`\\]{1,256})@(?=[\w\[])""")


def find_url_passwords(text: str, literals: frozenset[str]) -> Iterator[Secret]:
    """`postgres://user:password@host`."""
    if "://" not in literals:
        return
    for match in _USERINFO.finditer(text):
        if not placeholder(match["password"]):
            yield Secret(*match.span("password"), "password")
