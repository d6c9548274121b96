"""Secrets taken out of a text before anything is written: keys, tokens, passwords, private keys.

Each becomes `[redacted:<kind>]`. Four finders look at a text, each only when a literal it cannot do without
is there, so that an ordinary message costs one pass over it:

- tokens with a known look: the rules of detect-secrets (https://github.com/Yelp/detect-secrets), and a table
  for what those lack;
- private key blocks, with their body;
- passwords in URLs and on command lines;
- values that are named: `password: hunter2`, `"api_key": "..."`, `my password is ...`, `Authorization: ...`.

docs/redaction.md says what is found, what is not, and why.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

MARK = "[redacted:"
_MARK_AT_MOST = 48
_MARK_PATTERN = re.compile(r"\[redacted:[a-z0-9-]{1,32}\]")
_KEY_BLOCK = "private-key"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands in a text, in characters, and what it is."""

    start: int
    end: int
    kind: str


def redact(text: str) -> tuple[str, int]:
    """Replace every secret by `[redacted:<kind>]`.

    Redacting a text again changes nothing. Time is linear in the text's length. Any thread may call it.

    Returns:
        The text without its secrets, and how many were replaced.

    """
    secrets = find_secrets(text)
    if not secrets:
        return text, 0
    parts: list[str] = []
    done = 0
    for secret in secrets:
        parts += text[done : secret.start], f"{MARK}{secret.kind}]"
        done = secret.end
    parts.append(text[done:])
    return "".join(parts), len(secrets)


def find_secrets(text: str) -> list[Secret]:
    """Every secret of a text, in order, none overlapping another."""
    lowered = _lower(text)
    literals = _literals(text, exact=True)
    names = _literals(lowered, exact=False)
    if not literals and not names:
        return []
    found = [
        *_tokens(text, literals),
        *_key_blocks(text, literals),
        *_url_passwords(text, literals),
        *_named_values(text, lowered, names),
        *_command_passwords(text, lowered, names),
    ]
    return _merge(_outside_marks(text, found))


def warm() -> None:
    """Load the rules now (about 0.2 s), so that the first secret met does not wait for them."""
    _library_rules()
    _scanner(exact=True)
    _scanner(exact=False)


def _lower(text: str) -> str:
    # The dotted capital I is the one letter whose lower case is longer; positions must stay the same.
    return text.replace("\u0130", "i").lower()


def _outside_marks(text: str, found: list[Secret]) -> list[Secret]:
    """Leave out what overlaps a mark of ours: it was found in our own words. A whole key block may hold one."""
    if MARK not in text or not found:
        return found
    marks = [match.span() for match in _MARK_PATTERN.finditer(text)]
    starts = [start for start, _ in marks]
    outside = []
    for secret in found:
        before = bisect.bisect_left(starts, secret.end) - 1
        if secret.kind == _KEY_BLOCK or before < 0 or marks[before][1] <= secret.start:
            outside.append(secret)
    return outside


def _merge(found: list[Secret]) -> list[Secret]:
    """Join what overlaps. The kind is that of the finder listed first, which knows best what it saw."""
    if len(found) < 2:
        return found
    ranked = sorted(enumerate(found), key=lambda pair: (pair[1].start, pair[0]))
    merged: list[tuple[int, Secret]] = [ranked[0]]
    for rank, secret in ranked[1:]:
        best, last = merged[-1]
        if secret.start >= last.end:
            merged.append((rank, secret))
            continue
        kind = last.kind if best <= rank else secret.kind
        merged[-1] = (min(best, rank), Secret(last.start, max(last.end, secret.end), kind))
    return [secret for _, secret in merged]


# --- tokens with a known look ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rule:
    """A look that gives a secret away.

    Attributes:
        triggers: one of these literals must be in the text, or the pattern cannot match.
        check: whether what matched is really one.

    """

    kind: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = bool


def _random(value: str) -> bool:
    """Letters and digits together, and a long run without a hyphen: not a CSS class or a package name."""
    return _has_digit(value) and any(len(part) >= 16 for part in value.split("-"))


def _digit_and_letter(value: str) -> bool:
    return _has_digit(value) and _has_letter(value)


def _upper_lower_digit(value: str) -> bool:
    return _has_digit(value) and value != value.lower() and value != value.upper()


_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")


def _has_digit(value: str) -> bool:
    return _DIGIT.search(value) is not None


def _has_letter(value: str) -> bool:
    return _LETTER.search(value) is not None


def _prefixed(kind: str, prefix: str, rest: str, check: Callable[[str], bool] = bool) -> _Rule:
    return _Rule(kind, (prefix,), re.compile(re.escape(prefix) + rest), check)


_W = "[A-Za-z0-9_-]"

# What detect-secrets 1.5 does not know, or knows in part. The prefix comes first: it is found at great speed.
_OWN_RULES = (
    _prefixed("anthropic-key", "sk-ant-", _W + "{16,}"),
    _prefixed("openai-key", "sk-", _W + "{20,}", _random),
    _prefixed("jwt", "eyJ", r"(?<![\w-]eyJ)[A-Za-z0-9_=-]{8,}+\.[A-Za-z0-9_=-]{8,}+(?:\.[A-Za-z0-9_=+/-]*+)?"),
    _prefixed("github-token", "github_pat_", r"\w{22,}"),
    _prefixed("google-key", "AIza", _W + "{35}"),
    _prefixed("google-secret", "GOCSPX-", _W + "{20,}"),
    _prefixed("google-token", "ya29.", _W + "{20,}"),
    _prefixed("hugging-face-token", "hf_", "[A-Za-z0-9]{30,}"),
    _prefixed("xai-key", "xai-", "[A-Za-z0-9]{40,}"),
    _prefixed("groq-key", "gsk_", "[A-Za-z0-9]{40,}"),
    _prefixed("perplexity-key", "pplx-", "[A-Za-z0-9]{40,}"),
    _prefixed("replicate-token", "r8_", "[A-Za-z0-9]{30,}"),
    _prefixed("tavily-key", "tvly-", _W + "{20,}", _digit_and_letter),
    _prefixed("npm-token", "npm_", "[A-Za-z0-9]{36}"),
    _prefixed("stripe-key", "k_test_", "[A-Za-z0-9]{20,}"),
    _prefixed("stripe-secret", "whsec_", "[A-Za-z0-9+/=]{24,}"),
    _prefixed("slack-token", "xapp-", "[A-Za-z0-9-]{20,}", _digit_and_letter),
    _prefixed("slack-token", "xoxe", r"(?:\.xox[bp])?-[A-Za-z0-9-]{20,}", _digit_and_letter),
    _prefixed("digitalocean-token", "dop_v1_", "[a-f0-9]{64}"),
    _prefixed("databricks-token", "dapi", "[a-f0-9]{32}"),
    _prefixed("shopify-token", "shpat_", "[a-fA-F0-9]{32}"),
    _prefixed("vault-token", "hvs.", _W + "{24,}"),
    _prefixed("linear-key", "lin_api_", "[A-Za-z0-9]{32,}"),
    _prefixed("notion-token", "ntn_", "[A-Za-z0-9]{40,}"),
    _prefixed("figma-token", "figd_", _W + "{30,}"),
    _prefixed("mailgun-key", "key-", "[0-9a-f]{32}"),
    _prefixed("age-key", "AGE-SECRET-KEY-1", "[A-Z0-9]{58}"),
    _prefixed("artifactory-token", "AKC", "[A-Za-z0-9]{15,}", _upper_lower_digit),
    _prefixed("azure-signature", "sig=", "[A-Za-z0-9%/+]{40,}={0,2}"),
)

# Detectors of detect-secrets -> kind, the literals without which none of its patterns can match, and a check.
LIBRARY: dict[str, tuple[str, tuple[str, ...], Callable[[str], bool]]] = {
    "aws.AWSKeyDetector": ("aws-key", ("A3T", "ABIA", "ACCA", "AKIA", "ASIA", "aws", "AWS", "Aws"), bool),
    "azure_storage_key.AzureStorageKeyDetector": ("azure-key", ("AccountKey=",), bool),
    "discord.DiscordBotTokenDetector": (
        "discord-token",
        ("MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"),  # a digit, in Base64
        _upper_lower_digit,
    ),
    "github_token.GitHubTokenDetector": ("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), bool),
    "gitlab_token.GitLabTokenDetector": (
        "gitlab-token",
        (
            *("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941"),
            *("glcbt-", "glimt-", "glptt-", "glagent-", "gloas-"),
        ),
        _digit_and_letter,
    ),
    "mailchimp.MailchimpDetector": ("mailchimp-key", ("-us",), _digit_and_letter),
    "pypi_token.PypiTokenDetector": ("pypi-token", ("pypi-Ag",), bool),
    "sendgrid.SendGridDetector": ("sendgrid-key", ("SG.",), bool),
    "slack.SlackDetector": ("slack-token", ("xox", "hooks.slack.com"), bool),
    "square_oauth.SquareOAuthDetector": ("square-secret", ("sq0csp-",), bool),
    "stripe.StripeDetector": ("stripe-key", ("k_live_",), bool),
    "telegram_token.TelegramBotTokenDetector": ("telegram-token", (":AA",), bool),
    "twilio.TwilioKeyDetector": ("twilio-key", ("AC", "SK"), _has_digit),
}

_CUBIC = "cubic on a run of spaces; see _named_values, which finds assignments of any name"

# Detectors that are not used, and why.
LEFT_OUT = {
    "artifactory.ArtifactoryDetector": "it wants a space or a quote on both sides; see _OWN_RULES",
    "basic_auth.BasicAuthDetector": "its passwords may not hold ! $ & and other signs; see _url_passwords",
    "cloudant.CloudantDetector": _CUBIC,
    "high_entropy_strings.Base64HighEntropyString": "hashes and ids of ordinary texts are random too",
    "high_entropy_strings.HexHighEntropyString": "hashes and ids of ordinary texts are random too",
    "ibm_cloud_iam.IbmCloudIamDetector": _CUBIC,
    "ibm_cos_hmac.IbmCosHmacDetector": _CUBIC,
    "ip_public.IPPublicDetector": "an address is not a secret",
    "jwt.JwtTokenDetector": "it leaves the signature standing; see _OWN_RULES",
    "keyword.KeywordDetector": "made for source files: prose is full of its matches; see _named_values",
    "npm.NpmDetector": "quadratic on a line of slashes; see _named_values (_authToken)",
    "openai.OpenAIDetector": "quadratic on a run of sk-, and knows one generation of keys; see _OWN_RULES",
    "private_key.PrivateKeyDetector": "it finds the first line of a key only; see _key_blocks",
    "softlayer.SoftlayerDetector": _CUBIC,
}

_TOKEN_REST = re.compile(_W + "*+")
_EDGES = " \t\r\n\"'=:"
_BODY_AT_LEAST = 16


def _tokens(text: str, literals: frozenset[str]) -> Iterator[Secret]:
    for rule in _OWN_RULES:
        if rule.triggers[0] in literals:
            yield from _matches(rule, text)
    if not literals.isdisjoint(_LIBRARY_TRIGGERS):
        for rule in _library_rules():
            if not literals.isdisjoint(rule.triggers):
                yield from _matches(rule, text)


_LIBRARY_TRIGGERS = frozenset(trigger for _, triggers, _ in LIBRARY.values() for trigger in triggers)


@functools.cache
def _library_rules() -> tuple[_Rule, ...]:
    import importlib

    rules = []
    for path, (kind, triggers, check) in LIBRARY.items():
        module, name = path.split(".")
        detector = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
        rules += [_Rule(kind, triggers, pattern, check) for pattern in detector.denylist]
    return tuple(rules)


def _matches(rule: _Rule, text: str) -> Iterator[Secret]:
    covered = 0
    for match in rule.pattern.finditer(text):
        start, end = _body(match)
        if start < covered or _within_word(text, start) or not rule.check(text[start:end]):
            continue
        rest = _TOKEN_REST.match(text, end)
        covered = rest.end() if rest else end
        yield Secret(start, covered, rule.kind)


def _body(match: re.Match[str]) -> tuple[int, int]:
    """Find the secret itself: a pattern may hold the name and the signs around it, too."""
    spans = [match.span(group) for group in range(1, (match.re.groups or 0) + 1) if match[group]]
    long = [span for span in spans if span[1] - span[0] >= _BODY_AT_LEAST]
    start, end = long[0] if long else match.span()
    text = match.string
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    return start, end


def _within_word(text: str, start: int) -> bool:
    """Whether what starts here is the later part of a longer word, or follows something already redacted."""
    if not start:
        return False
    before = text[start - 1]
    return before.isalnum() or (before == "]" and _within_mark(text, start - 1))


def _within_mark(text: str, place: int) -> bool:
    """Whether the place is inside a `[redacted:<kind>]`."""
    mark = text.rfind(MARK, max(0, place - _MARK_AT_MOST), place)
    return mark >= 0 and text.find("]", mark, place) < 0


# --- private keys, URLs, command lines ------------------------------------------------------------------

_KEY_BORDER = re.compile(
    r"-----(?:(?P<begin>BEGIN)|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?P<putty>PuTTY-User-Key-File-\d:)|Private-MAC: [0-9a-f]{1,128}"
)
_KEY_TRIGGERS = ("PRIVATE KEY", "PuTTY-User-Key-File")
_KEY_BODY = re.compile(r"(?:(?:\s|\\[rn]){1,4}[A-Za-z0-9+/=]{16,}+)+")


def _key_blocks(text: str, literals: frozenset[str]) -> Iterator[Secret]:
    """Private keys with their body; one whose end is missing, as far as its Base64 goes."""
    if literals.isdisjoint(_KEY_TRIGGERS):
        return
    for border, following in itertools.pairwise([*_KEY_BORDER.finditer(text), None]):
        if border is None or not (border["begin"] or border["putty"]):
            continue
        if following and not (following["begin"] or following["putty"]):
            yield Secret(border.start(), following.end(), _KEY_BLOCK)
        elif body := _KEY_BODY.match(text, border.end()):
            yield Secret(border.start(), body.end(), _KEY_BLOCK)


_USERINFO = re.compile(r"""://[^\s:/@?#"'<>`\\]{0,256}:(?P<password>[^\s/@"'<>`\\]{1,256})@(?=[\w\[])""")


def _url_passwords(text: str, literals: frozenset[str]) -> Iterator[Secret]:
    if "://" not in literals:
        return
    for match in _USERINFO.finditer(text):
        if not _placeholder(match["password"]):
            yield Secret(*match.span("password"), "password")


_CURL_USER = re.compile(r"""(?<!\S)(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"']{1,128}:(?P<password>[^\s"']{1,256})""")
_WORD_AT_MOST = 65
_SAID_BEFORE = re.compile(
    r"(?:is|as|=)[ \t](?:my|our|the|her|his|their)[ \t](?:[\w-]{1,20}[ \t]){0,2}pass(?:word|phrase|code)"
)


def _command_passwords(text: str, lowered: str, names: frozenset[str]) -> Iterator[Secret]:
    """`curl -u name:password`, and `hunter2 is my password`."""
    if "-u" in names:
        for match in _CURL_USER.finditer(text):
            if not _placeholder(match["password"]) and not match["password"].isdigit():
                yield Secret(*match.span("password"), "password")
    if "pass" not in names:
        return
    for match in _SAID_BEFORE.finditer(lowered):
        before = text[max(0, match.start() - _WORD_AT_MOST) : match.start()].rsplit(None, 1)
        value = before[-1].strip("\"'`*,.") if before else ""
        if len(value) < 6 or not _digit_and_letter(value) or _placeholder(value) or _reference(value):
            continue
        start = text.rindex(value, 0, match.start())
        yield Secret(start, start + len(value), "password")


# --- values that are named ------------------------------------------------------------------------------

_NAME_TRIGGERS = (
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


def _named_values(text: str, lowered: str, names: frozenset[str]) -> Iterator[Secret]:
    covered = 0
    marked = MARK in text
    for place in _places(lowered, names):
        if marked and _within_mark(text, place):
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
    for name in names.intersection(_NAME_TRIGGERS):
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
    return not _placeholder(value.text) and (value.quoted or not _reference(value.text))


def _has_shape(value: _Value) -> bool:
    """Whether it looks enough like a secret for what its name and its place promise."""
    text = value.text
    match value.name, value.how:
        case "header", _:
            return " " not in text and (_strong(text, 8) or len(text) >= 20)
        case "password", "assigned" | "flag":
            return _looks_like_password(value)
        case "secret", "assigned" | "flag" if value.quoted:
            return len(text) >= 6 and (" " not in text or _digit_and_letter(text)) and not _words(text)
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
    return not _has_digit(text) and _NAMES_SOMETHING.search(text) is not None


_DIGIT_OR_SIGN = re.compile(r"[\d!@#$%^&*+=~?|\\{}\[\]()<>]")


def _mixed(text: str) -> bool:
    """Letters with digits, or with a sign that words do not have."""
    return _has_letter(text) and _DIGIT_OR_SIGN.search(text) is not None


_SPACE = re.compile(r"\s")


def _strong(text: str, least: int) -> bool:
    """Long, unbroken, letters with digits: what a machine makes, and not what a person writes."""
    return len(text) >= least and _digit_and_letter(text) and _SPACE.search(text) is None


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


def _placeholder(text: str) -> bool:
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


def _reference(text: str) -> bool:
    """Code or a path that says where the secret is: it is not the secret."""
    return _REFERENCE.match(text) is not None or _words(text)


# --- which finders have anything to look at -------------------------------------------------------------

_EXACT_LITERALS = sorted({*(rule.triggers[0] for rule in _OWN_RULES), *_LIBRARY_TRIGGERS, *_KEY_TRIGGERS, "://"})
_LOWER_LITERALS = sorted({*_NAME_TRIGGERS, "-u"})
# A scanner lists every place; in a long text that may be millions, so there each literal is looked for once.
_LONG = 65_536


def _literals(text: str, *, exact: bool) -> frozenset[str]:
    """The literals in the text; of the names, which have no case, those in the lower-cased text."""
    wanted = _EXACT_LITERALS if exact else _LOWER_LITERALS
    if len(text) < _LONG:
        try:
            places = _scanner(exact=exact).find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:
            pass  # a lone surrogate, which the scanner cannot take
        else:
            return frozenset(wanted[index] for index, _, _ in places)
    return frozenset(literal for literal in wanted if literal in text)


@functools.cache
def _scanner(*, exact: bool) -> AhoCorasick:
    from ahocorasick_rs import AhoCorasick

    return AhoCorasick(_EXACT_LITERALS if exact else _LOWER_LITERALS)
