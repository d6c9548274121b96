import pytest

from threadline import SettingsError
from threadline.backends.hindsight import HindsightOptions


def test_take_what_is_given_before_the_environment() -> None:
    environ = {
        "THREADLINE_HINDSIGHT_URL": "http://there:1",
        "THREADLINE_HINDSIGHT_TIMEOUT": "7",
        "HINDSIGHT_API_KEY": "k",
    }
    options = HindsightOptions.load({"url": "http://here:8888/"}, environ)
    assert (options.url, options.timeout, options.api_key) == ("http://here:8888", 7.0, "k")


def test_prefer_its_own_key() -> None:
    environ = {"THREADLINE_HINDSIGHT_API_KEY": "ours", "HINDSIGHT_API_KEY": "theirs"}
    assert HindsightOptions.load({"url": "http://x"}, environ).api_key == "ours"


def test_read_lists_from_either() -> None:
    environ = {"THREADLINE_HINDSIGHT_TYPES": "world, observation"}
    assert HindsightOptions.load({"url": "http://x"}, environ).types == ("world", "observation")
    given = {"url": "http://x", "observation_scopes": [["user:*"], ["a", "b"]]}
    assert HindsightOptions.load(given, {}).observation_scopes == (("user:*",), ("a", "b"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "THREADLINE_HINDSIGHT_URL"),
        ({"url": "localhost:8888"}, "http://"),
        ({"url": ""}, "text"),
        ({"url": "http://x", "timeout": 0}, "above 0"),
        ({"url": "http://x", "timeout": "soon"}, "timeout"),
        ({"url": "http://x", "budget": "huge"}, "low, mid, high"),
        ({"url": "http://x", "observation_scopes": "mine"}, "per_tag"),
        ({"url": "http://x", "observation_scopes": [1]}, "lists of tags"),
        ({"url": "http://x", "types": 3}, "list"),
        ({"url": "http://x", "uri": "http://y"}, "no option 'uri'"),
    ],
)
def test_refuse_what_will_not_do(given: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        HindsightOptions.load(given, {})


def test_never_show_the_key() -> None:
    options = HindsightOptions.load({"url": "http://x", "api_key": "very-secret"}, {})
    assert "very-secret" not in repr(options)
    with pytest.raises(SettingsError) as refused:
        HindsightOptions.load({"url": "http://x", "api_key": ["very-secret"]}, {})
    assert "very-secret" not in str(refused.value)
