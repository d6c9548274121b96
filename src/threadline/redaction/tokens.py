"""Tokens with a known look: the rules of detect-secrets, and a table for what those lack."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from threadline.redaction.marks import Secret, within_mark


@dataclass(frozen=True, slots=True)
class Rule:
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
    return has_digit(value) and any(len(part) >= 16 for part in value.split("-"))


def digit_and_letter(value: str) -> bool:
    """Whether there is at least one of each."""
    return has_digit(value) and has_letter(value)


def _upper_lower_digit(value: str) -> bool:
    return has_digit(value) and value != value.lower() and value != value.upper()


_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")


def has_digit(value: str) -> bool:
    """Whether there is a digit."""
    return _DIGIT.search(value) is not None


def has_letter(value: str) -> bool:
    """Whether there is a letter."""
    return _LETTER.search(value) is not None


def _prefixed(kind: str, prefix: str, rest: str, check: Callable[[str], bool] = bool) -> Rule:
    return Rule(kind, (prefix,), re.compile(re.escape(prefix) + rest), check)


_W = "[A-Za-z0-9_-]"

# What detect-secrets 1.5 does not know, or knows in part. The prefix comes first: it is found at great speed.
OWN_RULES = (
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
    _prefixed("tavily-key", "tvly-", _W + "{20,}", digit_and_letter),
    _prefixed("npm-token", "npm_", "[A-Za-z0-9]{36}"),
    _prefixed("stripe-key", "k_test_", "[A-Za-z0-9]{20,}"),
    _prefixed("stripe-secret", "whsec_", "[A-Za-z0-9+/=]{24,}"),
    _prefixed("slack-token", "xapp-", "[A-Za-z0-9-]{20,}", digit_and_letter),
    _prefixed("slack-token", "xoxe", r"(?:\.xox[bp])?-[A-Za-z0-9-]{20,}", digit_and_letter),
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
        digit_and_letter,
    ),
    "mailchimp.MailchimpDetector": ("mailchimp-key", ("-us",), digit_and_letter),
    "pypi_token.PypiTokenDetector": ("pypi-token", ("pypi-Ag",), bool),
    "sendgrid.SendGridDetector": ("sendgrid-key", ("SG.",), bool),
    "slack.SlackDetector": ("slack-token", ("xox", "hooks.slack.com"), bool),
    "square_oauth.SquareOAuthDetector": ("square-secret", ("sq0csp-",), bool),
    "stripe.StripeDetector": ("stripe-key", ("k_live_",), bool),
    "telegram_token.TelegramBotTokenDetector": ("telegram-token", (":AA",), bool),
    "twilio.TwilioKeyDetector": ("twilio-key", ("AC", "SK"), has_digit),
}

_CUBIC = "cubic on a run of spaces; see find_named_values, which finds assignments of any name"

# Detectors that are not used, and why.
LEFT_OUT = {
    "artifactory.ArtifactoryDetector": "it wants a space or a quote on both sides; see OWN_RULES",
    "basic_auth.BasicAuthDetector": "its passwords may not hold ! $ & and other signs; see find_url_passwords",
    "cloudant.CloudantDetector": _CUBIC,
    "high_entropy_strings.Base64HighEntropyString": "hashes and ids of ordinary texts are random too",
    "high_entropy_strings.HexHighEntropyString": "hashes and ids of ordinary texts are random too",
    "ibm_cloud_iam.IbmCloudIamDetector": _CUBIC,
    "ibm_cos_hmac.IbmCosHmacDetector": _CUBIC,
    "ip_public.IPPublicDetector": "an address is not a secret",
    "jwt.JwtTokenDetector": "it leaves the signature standing; see OWN_RULES",
    "keyword.KeywordDetector": "made for source files: prose is full of its matches; see find_named_values",
    "npm.NpmDetector": "quadratic on a line of slashes; see find_named_values (_authToken)",
    "openai.OpenAIDetector": "quadratic on a run of sk-, and knows one generation of keys; see OWN_RULES",
    "private_key.PrivateKeyDetector": "it finds the first line of a key only; see find_key_blocks",
    "softlayer.SoftlayerDetector": _CUBIC,
}

_TOKEN_REST = re.compile(_W + "*+")
_EDGES = " \t\r\n\"'=:"
_BODY_AT_LEAST = 16


def find_tokens(text: str, literals: frozenset[str]) -> Iterator[Secret]:
    """Every token whose look gives it away."""
    for rule in OWN_RULES:
        if rule.triggers[0] in literals:
            yield from _matches(rule, text)
    if not literals.isdisjoint(LIBRARY_TRIGGERS):
        for rule in library_rules():
            if not literals.isdisjoint(rule.triggers):
                yield from _matches(rule, text)


LIBRARY_TRIGGERS = frozenset(trigger for _, triggers, _ in LIBRARY.values() for trigger in triggers)


@functools.cache
def library_rules() -> tuple[Rule, ...]:
    """The patterns of detect-secrets. Importing them takes 0.1 s, so that waits until one may match."""
    import importlib

    rules = []
    for path, (kind, triggers, check) in LIBRARY.items():
        module, name = path.split(".")
        detector = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
        rules += [Rule(kind, triggers, pattern, check) for pattern in detector.denylist]
    return tuple(rules)


def _matches(rule: Rule, text: str) -> Iterator[Secret]:
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
    return before.isalnum() or (before == "]" and within_mark(text, start - 1))
