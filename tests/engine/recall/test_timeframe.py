from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.engine.recall.timeframe import Asked, understand
from threadline.engine.recall.timewords import _TABLES, CODES, language

BERLIN = ZoneInfo("Europe/Berlin")
#: A Wednesday.
ASKED_AT = datetime(2023, 11, 15, 14, 0, tzinfo=BERLIN)


def ask(question: str, asked_at: datetime = ASKED_AT) -> Asked:
    return understand(question, asked_at)


def frames(question: str, asked_at: datetime = ASKED_AT) -> list[str]:
    """Each frame as `start..end`, without the midnights; with `~` if it is not firm."""
    return [
        f"{_short(frame.start)}..{_short(frame.end)}{'' if frame.firm else '~'}"
        for frame in ask(question, asked_at).frames
    ]


def _short(border: datetime | None) -> str:
    return border.strftime("%Y-%m-%dT%H:%M").removesuffix("T00:00") if border else ""


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("7 May 2023", "2023-05-07..2023-05-08"),
        ("7th of May 2023", "2023-05-07..2023-05-08"),
        ("May 7th, 2023", "2023-05-07..2023-05-08"),
        ("May 7 2023", "2023-05-07..2023-05-08"),
        ("Sunday, 7 May 2023", "2023-05-07..2023-05-08"),
        ("2023-05-07", "2023-05-07..2023-05-08"),
        ("2023/05/07", "2023-05-07..2023-05-08"),
        ("2023-05", "2023-05-01..2023-06-01"),
        ("05/07/2023", "2023-05-07..2023-05-08"),
        ("13/07/2023", "2023-07-13..2023-07-14"),
        ("7.5.2023", "2023-05-07..2023-05-08"),
        ("5/7/23", "2023-05-07..2023-05-08"),
        ("in May 2023", "2023-05-01..2023-06-01"),
        ("in 2022", "2022-01-01..2023-01-01"),
        ("in the 1990s", "1990-01-01..2000-01-01"),
        ("summer 2022", "2022-06-01..2022-09-01"),
        ("in the fall of 2022", "2022-09-01..2022-12-01"),
        ("winter 2022", "2022-12-01..2023-03-01"),
        ("Q3 2023", "2023-07-01..2023-10-01"),
        ("the third quarter of 2022", "2022-07-01..2022-10-01"),
        ("29 February", "2020-02-29..2020-03-01~"),
        ("on the 15th", "2023-11-15..2023-11-16~"),
        ("on the 20th", "2023-10-20..2023-10-21~"),
        ("the 15th of last month", "2023-10-15..2023-10-16"),
        ("May 5-7", "2023-05-05..2023-05-08~"),
        ("from 3 to 10 May 2022", "2022-05-03..2022-05-11"),
    ],
)
def test_read_a_date(phrase: str, expected: str) -> None:
    assert frames(phrase) == [expected]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("yesterday", "2023-11-14..2023-11-15"),
        ("today", "2023-11-15..2023-11-16"),
        ("tomorrow", "2023-11-16..2023-11-17"),
        ("the day before yesterday", "2023-11-13..2023-11-14"),
        ("tonight", "2023-11-15T18:00..2023-11-16T06:00"),
        ("last night", "2023-11-14T18:00..2023-11-15T06:00"),
        ("this morning", "2023-11-15T05:00..2023-11-15T12:00"),
        ("yesterday evening", "2023-11-14T17:00..2023-11-15"),
        ("last week", "2023-11-06..2023-11-13"),
        ("the previous week", "2023-11-06..2023-11-13"),
        ("this week", "2023-11-13..2023-11-20"),
        ("next week", "2023-11-20..2023-11-27"),
        ("the week before last", "2023-10-30..2023-11-06"),
        ("the past week", "2023-11-08..2023-11-16"),
        ("in the last month", "2023-10-15..2023-11-16"),
        ("last month", "2023-10-01..2023-11-01"),
        ("last quarter", "2023-07-01..2023-10-01"),
        ("last year", "2022-01-01..2023-01-01"),
        ("last weekend", "2023-11-11..2023-11-13"),
        ("this weekend", "2023-11-18..2023-11-20"),
        ("What did I do this weekend?", "2023-11-11..2023-11-13"),
        ("last Monday", "2023-11-13..2023-11-14"),
        ("last Monday night", "2023-11-13T18:00..2023-11-14T06:00"),
        ("next Friday", "2023-11-17..2023-11-18"),
        ("on Friday", "2023-11-10..2023-11-11~"),
        ("What did I say on Wednesday?", "2023-11-08..2023-11-09~"),
        ("What did I do Friday?", "2023-11-10..2023-11-11~"),
        ("last May", "2023-05-01..2023-06-01"),
        ("last November", "2022-11-01..2022-12-01"),
        ("next May", "2024-05-01..2024-06-01"),
        ("last summer", "2023-06-01..2023-09-01"),
        ("this winter", "2023-12-01..2024-03-01"),
        ("in May", "2023-05-01..2023-06-01~"),
        ("in november", "2023-11-01..2023-12-01~"),
        ("in december", "2022-12-01..2023-01-01~"),
        ("What will I do in December?", "2023-12-01..2024-01-01~"),
        ("3 days ago", "2023-11-12..2023-11-13"),
        ("twenty-one days ago", "2023-10-25..2023-10-26"),
        ("a couple of days ago", "2023-11-12..2023-11-14~"),
        ("two weeks ago", "2023-10-29..2023-11-05~"),
        ("two weekends ago", "2023-11-04..2023-11-06"),
        ("4 years ago", "2019-05-16..2020-05-17~"),
        ("30 minutes ago", "2023-11-15T13:25..2023-11-15T13:35"),
        ("in the last 24 hours", "2023-11-14T14:00..2023-11-15T14:00"),
        ("in the last 10 days", "2023-11-05..2023-11-16"),
        ("over the past few months", "2023-06-15..2023-11-16"),
        ("the other day", "2023-11-08..2023-11-16~"),
        ("in two weeks", "2023-11-26..2023-12-03~"),
        ("two weeks from now", "2023-11-26..2023-12-03~"),
        ("in the next 2 days", "2023-11-15..2023-11-18"),
        ("earlier this year", "2023-01-01..2023-11-16"),
        ("later this week", "2023-11-15..2023-11-20"),
        ("early May", "2023-05-01..2023-05-11~"),
        ("mid-June", "2023-06-11..2023-06-21~"),
        ("late 2022", "2022-09-01..2023-01-01~"),
        ("the end of last month", "2023-10-21..2023-11-01~"),
        ("by the end of the month", "2023-11-21..2023-12-01~"),
        ("the second half of 2022", "2022-07-02..2023-01-01~"),
        ("the first week of May 2023", "2023-05-01..2023-05-08"),
        ("the last week of May 2023", "2023-05-22..2023-05-29"),
        ("the week of May 8, 2023", "2023-05-08..2023-05-15"),
        ("the week before May 8, 2023", "2023-05-01..2023-05-08"),
        ("last weekend before April 10, 2023", "2023-04-08..2023-04-10"),
        ("two weeks before August 11, 2023", "2023-07-25..2023-08-01~"),
    ],
)
def test_resolve_against_the_asking_time(phrase: str, expected: str) -> None:
    assert frames(phrase) == [expected]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("since March", "2023-03-01..~"),
        ("since yesterday", "2023-11-14.."),
        ("since early May", "2023-05-01..~"),
        ("until June", "..2023-07-01~"),
        ("before 2022", "..2022-01-01"),
        ("after 3 May", "2023-05-04..~"),
        ("between May and July 2023", "2023-05-01..2023-08-01"),
        ("between November and February 2023", "2022-11-01..2023-03-01"),
        ("from January to March", "2023-01-01..2023-04-01~"),
        ("from October to March", "2023-10-01..2024-04-01~"),
        ("from May 2022 to February", "2022-05-01..2023-03-01"),
        ("from 2020 to 2022", "2020-01-01..2023-01-01"),
        ("2020-2022", "2020-01-01..2023-01-01"),
    ],
)
def test_read_a_range(phrase: str, expected: str) -> None:
    assert frames(phrase) == [expected]


def test_keep_every_frame_in_the_order_of_the_question() -> None:
    assert frames("Was it in May 2022, or last week?") == ["2022-05-01..2022-06-01", "2023-11-06..2023-11-13"]


@pytest.mark.parametrize(
    "text",
    [
        "I may go",
        "May I ask you something?",
        "the march was long",
        "We want to march on",
        "a second opinion",
        "Is the second test failing?",
        "did she fall",
        "He sat in the sun and wed her",
        "How do I use Spring Boot 3?",
        "What did April say?",
        "Maria and June went home",
        "a gift from June",
        "It may be the last thing",
        "Focus Friday",
        "every Monday",
        "That is a lot for a Monday.",
        "What do we do on Fridays?",
        "on the 2nd floor",
        "the 20th century",
        "in 2000 words",
        "from 2000 to 2048 tokens",
        "It cost $2022",
        "version 5.3.2023 of 1.2.3",
        "How did I do it in 3 days?",
        "How many times a week?",
        "in a day",
        "the next day",
        "at the end of the day",
        "at the last minute",
        "at the start of Week 2",
        "a long time ago",
        "the next step",
        "half past 3",
        "30 Feb 2023",
        "2023-13-45",
        "99/99/2023",
        "on 31 April",
        "Wo ist hier der Bahnhof?",
        "Tell me about Mars rovers",
        "",
        "?",
    ],
)
def test_take_no_other_words_for_a_time(text: str) -> None:
    found = [frame.text for frame in ask(text).frames if frame.text != "5.3.2023"]
    assert found == []


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("Was habe ich letzte Woche gesagt?", "2023-11-06..2023-11-13"),
        ("Was habe ich vorletzte Woche gesagt?", "2023-10-30..2023-11-06"),
        ("Was hat sie am 3. Mai 2023 gesagt?", "2023-05-03..2023-05-04"),
        ("Was war vor drei Tagen?", "2023-11-12..2023-11-13"),
        ("Was haben wir zwischen Mai und Juli 2022 besprochen?", "2022-05-01..2022-08-01"),
        ("Was war am 05/07/2023?", "2023-07-05..2023-07-06"),
        ("gestern", "2023-11-14..2023-11-15"),
        ("où étais-je hier ?", "2023-11-14..2023-11-15"),
        ("qu'est-ce que j'ai dit la semaine dernière ?", "2023-11-06..2023-11-13"),
        ("il y a deux semaines", "2023-10-29..2023-11-05~"),
        ("l'été dernier", "2023-06-01..2023-09-01"),
        ("qué dije la semana pasada", "2023-11-06..2023-11-13"),
        ("el 3 de mayo de 2023", "2023-05-03..2023-05-04"),
        ("en los últimos tres meses", "2023-08-15..2023-11-16"),
        ("cosa ho detto due settimane fa", "2023-10-29..2023-11-05~"),
        ("nell'ultima settimana", "2023-11-06..2023-11-13"),
        ("o que eu disse na semana passada", "2023-11-06..2023-11-13"),
        ("há duas semanas", "2023-10-29..2023-11-05~"),
        ("wat heb ik twee weken geleden gezegd", "2023-10-29..2023-11-05~"),
        ("vorige maand", "2023-10-01..2023-11-01"),
    ],
)
def test_read_other_languages(phrase: str, expected: str) -> None:
    assert frames(phrase) == [expected]


@pytest.mark.parametrize(
    ("asked_at", "phrase", "expected"),
    [
        (datetime(2024, 1, 1, 0, 0), "yesterday", "2023-12-31..2024-01-01"),
        (datetime(2024, 1, 1, 0, 0), "last month", "2023-12-01..2024-01-01"),
        (datetime(2024, 1, 1, 0, 0), "last week", "2023-12-25..2024-01-01"),
        (datetime(2024, 1, 15, 0, 0), "last quarter", "2023-10-01..2024-01-01"),
        (datetime(2024, 1, 15, 0, 0), "this winter", "2023-12-01..2024-03-01"),
        (datetime(2024, 3, 31, 9, 0), "in the last month", "2024-02-29..2024-04-01"),
        (datetime(2024, 2, 29, 9, 0), "a year ago", "2022-08-29..2023-08-31~"),
        (datetime(2023, 12, 31, 23, 59), "next month", "2024-01-01..2024-02-01"),
        (datetime(2023, 12, 31, 23, 59), "tomorrow", "2024-01-01..2024-01-02"),
        (datetime(2023, 11, 18, 12, 0), "last weekend", "2023-11-11..2023-11-13"),
        (datetime(2023, 11, 20, 12, 0), "last weekend", "2023-11-18..2023-11-20"),
        (datetime(2023, 4, 3, 12, 0), "Start with June 1st, as you say", "2023-06-01..2023-06-02~"),
        (datetime(2023, 4, 3, 12, 0), "What was on June 1st?", "2022-06-01..2022-06-02~"),
        # Summer time begins on the 26th of March and ends on the 29th of October, at night.
        (datetime(2023, 3, 26, 12, 0), "today", "2023-03-26..2023-03-27"),
        (datetime(2023, 3, 26, 12, 0), "in the last 24 hours", "2023-03-25T11:00..2023-03-26T12:00"),
        (datetime(2023, 10, 29, 12, 0), "in the last 24 hours", "2023-10-28T13:00..2023-10-29T12:00"),
        (datetime(2023, 10, 29, 12, 0), "last week", "2023-10-16..2023-10-23"),
    ],
)
def test_cross_the_borders_of_months_years_and_summer_time(asked_at: datetime, phrase: str, expected: str) -> None:
    assert frames(phrase, asked_at.replace(tzinfo=BERLIN)) == [expected]


def test_set_the_borders_of_a_day_in_the_askers_time_zone() -> None:
    late = datetime(2023, 11, 15, 23, 30, tzinfo=UTC)
    (there,) = ask("today", late.astimezone(ZoneInfo("Asia/Tokyo"))).frames
    (here,) = ask("today", late).frames
    assert there.start == datetime(2023, 11, 15, 15, tzinfo=UTC)
    assert here.start == datetime(2023, 11, 15, tzinfo=UTC)


def test_give_a_day_of_25_hours_when_the_clock_is_set_back() -> None:
    (day,) = ask("on 29 October 2023").frames
    assert day.start is not None
    assert day.end is not None
    assert day.end.astimezone(UTC) - day.start.astimezone(UTC) == timedelta(hours=25)


def test_tell_the_two_hours_apart_when_the_clock_is_set_back() -> None:
    second = datetime(2023, 10, 29, 2, 15, tzinfo=BERLIN, fold=1)
    (frame,) = ask("an hour ago", second).frames
    assert frame.start is not None
    assert frame.end is not None
    assert second.astimezone(UTC) - frame.start.astimezone(UTC) == timedelta(minutes=90)
    assert second.astimezone(UTC) - frame.end.astimezone(UTC) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("question", "relation", "anchor"),
    [
        ("What did I do before the move?", "before", "the move"),
        ("Before the move, what did I do?", "before", "the move"),
        ("How did Melanie feel after my sister's wedding?", "after", "my sister's wedding"),
        ("What has changed since I started the new job?", "after", "I started the new job"),
        ("What did I do the day after the wedding?", "after", "the wedding"),
        ("What did she learn during her internship in 2022?", "around", "her internship"),
        ("Was habe ich vor dem Umzug gemacht?", "before", "dem Umzug gemacht"),
        ("¿Qué hice antes de la boda?", "before", "la boda"),
        ("What did I say after that?", None, None),
        ("What happened after all?", None, None),
        ("Who looks after the kids?", None, None),
        ("Have I been there before?", None, None),
        ("What did I eat before May 2022?", None, None),
        ("Since you are the expert, what do you think?", None, None),
        ("It was hard after the move. What is next?", None, None),
    ],
)
def test_find_the_event_that_dates_a_question(question: str, relation: str | None, anchor: str | None) -> None:
    asked = ask(question)
    assert (asked.relation, asked.anchor) == (relation, anchor)


@pytest.mark.parametrize(
    ("question", "recent", "nearby"),
    [
        ("What is my current job?", True, False),
        ("current job of Maria", True, False),
        ("What is John currently doing?", True, False),
        ("Where do I live now?", True, False),
        ("What do I work on these days?", True, False),
        ("What is she reading at the moment?", True, False),
        ("What's the most recent version?", True, False),
        ("What was the last book I read?", True, False),
        ("Do I still work there?", True, False),
        ("Was ist mein aktueller Job?", True, False),
        ("What did we just discuss?", True, True),
        ("The wallet we just discussed. Where is it?", True, True),
        ("What did we decide last time?", True, True),
        ("What did we talk about earlier?", True, True),
        ("Now, what did we say?", False, False),
        ("For now, what should I do?", False, False),
        ("Show me the draft right now.", False, False),
        ("Tell me where I live now.", True, False),
        ("Try it one last time", False, False),
        ("Now that I am here, what next?", False, False),
        ("I just want to know", False, False),
        ("What is my last name?", False, False),
        ("When was the last time I ran?", False, False),
        ("My current role is fine. What did I say?", False, False),
        ("What did I do last week?", False, False),
    ],
)
def test_tell_whether_the_present_is_asked_for(question: str, recent: bool, nearby: bool) -> None:
    asked = ask(question)
    assert (asked.recent, asked.nearby) == (recent, nearby)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did Maria go to the beach?", True),
        ("When Jon has lost his job?", True),
        ("Do you know when we went to Rome?", True),
        ("Tell me when the meeting is", True),
        ("What date did I move?", True),
        ("What is the deadline for the sprint?", True),
        ("Which month did we go?", True),
        ("What time is the meeting?", True),
        ("How long ago did I move?", True),
        ("How long have I lived here?", True),
        ("How long did it take me to learn it?", True),
        ("Since when do I live here?", True),
        ("How many days passed between the two?", True),
        ("Wann war ich beim Zahnarzt?", True),
        ("¿Cuándo fui al dentista?", True),
        ("When I was in Paris, what did I eat?", False),
        ("Do you remember when we went to Rome?", False),
        ("What goes wrong when it fails?", False),
        ("How many days of vacation do I have?", False),
        ("What time management tool do I use?", False),
        ("How many points did I win between when I began and when I stopped?", False),
        ("I will say when I am ready. What is the plan?", False),
    ],
)
def test_tell_whether_a_time_is_asked_for(question: str, expected: bool) -> None:
    assert ask(question).wants_time is expected


@pytest.mark.parametrize(
    ("question", "remainder"),
    [
        ("What did I eat last week?", "What did I eat?"),
        ("In May 2023, what did I eat?", "what did I eat?"),
        ("Who did Maria meet on May 3, 2023, and why?", "Who did Maria meet, and why?"),
        ("What is John currently doing in August 2023?", "What is John doing?"),
        ("What did I do before the move?", "What did I do before the move?"),
        ("last week?", "last week?"),
        ("Nothing of time", "Nothing of time"),
    ],
)
def test_leave_the_question_without_its_time(question: str, remainder: str) -> None:
    assert ask(question).remainder == remainder


def test_quote_the_words_of_a_frame() -> None:
    assert [frame.text for frame in ask("Was it in May 2022, or last week?").frames] == ["in May 2022", "last week"]


def test_read_tables_whose_words_can_be_met() -> None:
    for code in CODES:
        words = language(code).words
        assert len(words) > 90
        assert all(word == word.lower() and word.isascii() for word in words), code
        assert len({symbol for symbol, _ in words.values()} & set("MWSUDnLTXAgspbP")) >= 12, code
        assert _TABLES[code].count("M12 ") == 1


EDGES = st.sampled_from(
    [
        ASKED_AT,
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime(2024, 2, 29, 23, 59, tzinfo=UTC),
        datetime(2011, 12, 31, 0, 30, tzinfo=ZoneInfo("Pacific/Apia")),
        datetime(2023, 10, 29, 2, 15, tzinfo=BERLIN, fold=1),
    ]
)
SAID = sorted({word.replace("_", " ") for code in CODES for word in language(code).words})
SOUP = st.lists(
    st.one_of(
        st.sampled_from(SAID), st.sampled_from(["5", "31st", "2022", "12/31/2023", ",", "-", ".", "?", "x", "I"])
    ),
    max_size=30,
).map(" ".join)


@given(st.one_of(st.text(max_size=200), SOUP), EDGES)
def test_make_something_of_any_text(text: str, asked_at: datetime) -> None:
    asked = understand(text, asked_at)
    for frame in asked.frames:
        assert frame.text in text
        assert frame.start is not None or frame.end is not None
        if frame.start is not None and frame.end is not None:
            assert frame.start.astimezone(UTC) < frame.end.astimezone(UTC)
    assert (asked.anchor is None) == (asked.relation is None)
    assert asked.recent or not asked.nearby


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1.",
        "1,",
        "1/",
        "5-",
        "a'",
        " ",
        "\n",
        "?",
        "\U0001f600",
        "may ",
        "may and ",
        "between may and ",
        "5 may 2023, ",
        "2023-05-07 ",
        "before may 5 ",
        "since the x and may 5 ",
        "what did x do after lunch may 5 ",
        "how many days ",
        "when x, ",
        "last few ",
        "vor ",
    ],
)
def test_take_time_in_proportion_to_hostile_text(unit: str) -> None:
    """Eight times the longest question: what is quadratic takes seconds here."""
    text = (unit * 32_768)[:32_768]
    begun = time.process_time()
    ask(text)
    assert time.process_time() - begun < 1.5
