"""What must go, what must stay, and that neither a strange nor a huge text breaks it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
import string
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from threadline import redaction
from threadline.redaction import find_secrets, redact

# Made up here, and put together so that no scanner of repositories takes them for real ones.
HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits


def made(prefix: str, length: int, letters: str = ALNUM) -> str:
    return prefix + "".join(random.Random(prefix).choices(letters, k=length))


TOKENS = {
    "anthropic-key": made("sk-ant-" + "api03-", 95),
    "openai-key": made("sk-" + "proj-", 64),
    "github-token": made("ghp_", 36),
    "google-key": made("AIza", 35),
    "google-secret": made("GOCSPX" + "-", 28),
    "hugging-face-token": made("hf_", 34),
    "xai-key": made("xai" + "-", 80),
    "groq-key": made("gsk_", 52),
    "npm-token": made("npm_", 36),
    "gitlab-token": made("glpat" + "-", 20),
    "aws-key": made("AKIA", 16, string.ascii_uppercase + string.digits),
    "slack-token": "xoxb" + "-123456789012-123456789012-" + made("", 24),
    "stripe-key": made("sk_" + "live_", 24),
    "sendgrid-key": made("SG" + ".", 22) + "." + made("x", 42),
    "telegram-token": "123456789" + ":AA" + made("", 33),
    "pypi-token": made("pypi-" + "AgEIcHlwaS5vcmc", 90),
    "square-secret": made("sq0csp" + "-", 43),
    "mailchimp-key": made("", 32, HEX) + "-us12",
    "twilio-key": made("SK", 32, HEX),
    "discord-token": made("MTA", 21) + "." + made("G", 5) + "." + made("t", 26),
    "azure-key": "AccountKey=" + made("", 86) + "==",
    "artifactory-token": made("AKC", 40),
    "jwt": made("eyJ", 30) + "." + made("eyJ", 40) + "." + made("s", 42),
    "digitalocean-token": made("dop_v1_", 64, HEX),
    "vault-token": made("hvs" + ".", 40),
}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("around", ["{}", "it is {}, keep it", 'x = "{}"', "a\n{}\nb", "({})"])
def test_takes_out_tokens_by_their_look(kind: str, around: str) -> None:
    assert redact(around.format(TOKENS[kind])) == (around.format(f"[redacted:{kind}]"), 1)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("my password is hunter2", "my password is [redacted:password]"),
        ("password: hunter2", "password: [redacted:password]"),
        ("Password: swordfish", "Password: [redacted:password]"),
        ("**Password:** Hunter2!", "**Password:** [redacted:password]"),
        ("PASSWORD=12345678", "PASSWORD=[redacted:password]"),
        ('password = "correct horse battery staple"', 'password = "[redacted:password]"'),
        ("contraseña: abc12345", "contraseña: [redacted:password]"),
        ("user: bob pass: hunter2", "user: bob pass: [redacted:password]"),
        ("set my password to Tr0ub4dor&3", "set my password to [redacted:password]"),
        (
            "The wifi password for the cabin is Blue!Moose7, ok?",
            "The wifi password for the cabin is [redacted:password], ok?",
        ),
        ("hunter2 is my password", "[redacted:password] is my password"),
        ("use hunter22 as the wifi password", "use [redacted:password] as the wifi password"),
        ("Here is the password:\nhunter2\nBye", "Here is the password:\n[redacted:password]\nBye"),
        ('{\\"password\\": \\"s3cr3t!!\\"}', '{\\"password\\": \\"[redacted:password]\\"}'),
        ("<password>hunter2</password>", "<password>[redacted:password]</password>"),
        ("mysql --password Sup3r -u root", "mysql --password [redacted:password] -u root"),
        ("curl -u bob:hunter2 host", "curl -u bob:[redacted:password] host"),
        ("machine x login bob password s3cretpw", "machine x login bob password [redacted:password]"),
        ("postgres://bob:p$ss!w0rd@db.example/x", "postgres://bob:[redacted:password]@db.example/x"),
        ("export DB_KEY=abcdef123456", "export DB_KEY=[redacted:api-key]"),
        ('{"api_key": "9f8e7d6c5b4a39281706"}', '{"api_key": "[redacted:api-key]"}'),
        ("X-Api-Key: abcd1234efgh", "X-Api-Key: [redacted:api-key]"),
        ("?api_key=abcd1234efgh5678&x=1", "?api_key=[redacted:api-key]&x=1"),
        ("my api key is abcd1234efgh5678.", "my api key is [redacted:api-key]."),
        ("client_secret: 'abcdefgh12345'", "client_secret: '[redacted:secret]'"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUt/K7MDENG", "AWS_SECRET_ACCESS_KEY=[redacted:secret]"),
        ("Authorization: Bearer abc123def456", "Authorization: Bearer [redacted:token]"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [redacted:token]"),
        ("//r.example/:_authToken=abcdef0123456789", "//r.example/:_authToken=[redacted:token]"),
        ("İ password: hunter2", "İ password: [redacted:password]"),
        ("\ud800 password: hunter2", "\ud800 password: [redacted:password]"),
    ],
)
def test_takes_out_values_by_their_name(text: str, left: str) -> None:
    assert redact(text) == (left, 1)


BODY = "\n".join(made(f"line{number}", 60) for number in range(5))


@pytest.mark.parametrize("label", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_takes_out_private_keys_with_their_body(label: str) -> None:
    key = f"-----BEGIN {label}PRIVATE KEY-----\n{BODY}\n-----END {label}PRIVATE KEY-----"
    assert redact(f"see\n{key}\nend") == ("see\n[redacted:private-key]\nend", 1)
    assert redact(key.replace("\n", "\\n")) == ("[redacted:private-key]", 1)


def test_takes_out_a_private_key_whose_end_is_missing() -> None:
    text, count = redact(f"-----BEGIN PRIVATE KEY-----\n{BODY}\n\nthat was it")
    assert (text, count) == ("[redacted:private-key]\n\nthat was it", 1)


def test_leaves_the_mention_of_a_private_key() -> None:
    text = "Look for -----BEGIN PRIVATE KEY----- at the top of the file."
    assert redact(text) == (text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I went to the market and bought apples.",
        "token = get_token()",
        "password: str",
        "password: str = Field(...)",
        "def login(user: str, password: str | None = None) -> None: ...",
        "login(user=user, password=password)",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256:07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "my password is wrong",
        "the password is stored as a SHA-256 hash",
        "password must be 8-16 characters, so my password is 12-character",
        "max_tokens: 4096 and tokens: 128000",
        'api_key = os.environ["API_KEY"]',
        "api_key = config.api_key",
        "const token = req.headers['x-token-1234567890'];",
        "PASS: test_login_2 (0.1s)",
        "the secret is to keep the oven at 200C",
        "the key is under the mat, the other key: the red one",
        'password: "Enter your password"',
        '{"token": "string", "secret": true}',
        "Authorization: Bearer $TOKEN, Authorization: Bearer <token>",
        "http://user:password@host and http://example.com:8080/a@b",
        "password: ${DB_PASSWORD}, api_key: YOUR_API_KEY_1234567",
        "sk-toggleable__content-fitted-rounded",
        'tokenizer = BertTokenizer("abc123def456ghi789")',
        "access_token_expires = 3600",
        "private_key_path=/home/u/.ssh/id_rsa1",
        "API KEY, APPENDIX, ACCESS, SKIP, APACHELICENSE",
    ],
)
def test_leaves_ordinary_texts(text: str) -> None:
    assert redact(text) == (text, 0)


def test_finds_places_and_kinds() -> None:
    text = f"a password: hunter2 {TOKENS['github-token']}"
    found = find_secrets(text)
    assert [(text[secret.start : secret.end], secret.kind) for secret in found] == [
        ("hunter2", "password"),
        (TOKENS["github-token"], "github-token"),
    ]


def test_names_a_known_token_by_its_look_rather_than_its_name() -> None:
    assert redact(f"token = {TOKENS['github-token']}") == ("token = [redacted:github-token]", 1)


FRAGMENTS = st.sampled_from(
    [
        *TOKENS.values(),
        *("password", "secret", "token", "api_key", "pass", "authorization", "bearer", "key", "login"),
        *(": ", "=", " is ", " to ", ' = "', '"', "'", "`", "\\", "\n", " ", "&", "://", "@", "]", "[", "--"),
        *("hunter2", "a1b2c3d4e5f6g7h8i9", "your-key", "[redacted:token]", "-----BEGIN PRIVATE KEY-----"),
        *("-----END PRIVATE KEY-----", BODY, "-u a:b1c2d3", " is my password", "\u0130", "\ud800", "x" * 300),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(st.one_of(FRAGMENTS, st.text(max_size=3)), max_size=12).map("".join)))
@example("://sk-" + "0" * 20 + "@0")  # the mark holds a name, and a colon as in a URL
@example("gho_" + "0" * 36 + ":" + "0" * 15 + "A")
@example("glpat-" + "0" * 84 + "AIS MY PASSWORD")  # a token once the password behind it is out
def test_redacting_again_changes_nothing(text: str) -> None:
    once, _ = redact(text)
    assert redact(once) == (once, 0)


@given(st.text(alphabet="abcdefghijklmno rstuvxz.,", max_size=400).filter(lambda t: "redac" not in t))
def test_leaves_a_text_without_triggers_as_it_is(text: str) -> None:
    assert redact(text)[0] is text


def test_finds_the_same_in_a_long_text() -> None:
    filler = "and so on, and on. " * 8000  # beyond where literals are looked for one by one
    for kind, token in TOKENS.items():
        text, count = redact(f"{filler}{token} {filler}password: hunter2 x")
        assert count == 2, kind
        assert token not in text
        assert "hunter2" not in text


@pytest.mark.parametrize(
    "run",
    ["a", " ", '"', "'\"", "0", "AKIA", "sk-", "eyJ", "://a:", "xoxb-1-", "//", "cloudant key", "MT", "glagent-"],
)
def test_takes_time_in_proportion_to_length(run: str) -> None:
    redaction.warm()
    text = "api_key" + run * (1_000_000 // len(run)) + ":_authToken=aws AccountKey= -us1"
    started = time.perf_counter()
    redact(text)
    assert time.perf_counter() - started < 2, "a million characters must not take seconds"


def test_is_safe_in_many_threads() -> None:
    texts = [f"{token} and password: hunter{number}" for number, token in enumerate(TOKENS.values())]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(redact, texts)) == [redact(text) for text in texts]


def test_does_not_load_the_rules_for_ordinary_texts() -> None:
    program = (
        "import sys; from threadline.redaction import redact, warm;"
        "redact('what a fine day to talk about my tokens and keys');"
        "assert 'detect_secrets' not in sys.modules; warm(); assert 'detect_secrets' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_knows_every_detector_of_the_library() -> None:
    """A detector that a new version brings is either used or left out for a reason, never just missed."""
    import detect_secrets.plugins as plugins
    from detect_secrets.plugins.base import BasePlugin

    found = set()
    for module in pkgutil.iter_modules(plugins.__path__):
        members = vars(importlib.import_module(f"{plugins.__name__}.{module.name}"))
        for name, member in members.items():
            own = inspect.isclass(member) and member.__module__.endswith("." + module.name)
            if own and issubclass(member, BasePlugin) and not name.endswith(("Plugin", "RegexBasedDetector")):
                found.add(f"{module.name}.{name}")
    assert found == {*redaction.LIBRARY, *redaction.LEFT_OUT}
