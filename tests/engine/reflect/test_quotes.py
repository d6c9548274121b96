from __future__ import annotations

from tests.engine.reflect.build import said

from threadline.documents import Recalled
from threadline.engine.reflect.quotes import Question, Quote, quote

LONG = (
    "Good morning to you all. The weather was grim on the way here and the bus was late again, as it always is. "
    "The ferry to Tangier leaves at nine from the old harbour, next to the fish market. "
    "I had three coffees and a sandwich with far too much mustard in it, which I regret. Bye!"
)


def asked(question: str, *memories: Recalled, alike: float = 0.4) -> list[Quote | None]:
    put = Question.of(question, memories)
    return [quote(put, memory, 0, alike) for memory in memories]


def text(question: str, memory: Recalled) -> str:
    (found,) = asked(question, memory)
    assert found
    return found.text


def test_quote_of_a_long_memory_what_bears_on_the_question() -> None:
    assert text("When does the ferry leave?", said(LONG)) == (
        "… The ferry to Tangier leaves at nine from the old harbour, next to the fish market. "
        "I had three coffees and a sandwich with far too much mustard in it, which I regret. …"
    )


def test_quote_a_short_memory_whole_and_on_one_line() -> None:
    short = "Joel is my partner.\n\nHe is a  nurse."
    assert text("Who is Joel?", said(short)) == "Joel is my partner. He is a nurse."


def test_mark_what_is_left_out_between() -> None:
    filler = "Nothing else " + "of any note at all " * 11 + "happened. "
    found = text("What about the ferry?", said(f"The ferry was late. {filler}The ferry was full."))
    assert found == "The ferry was late. … The ferry was full."


def test_leave_out_what_does_not_bear_on_the_question() -> None:
    ferry, other, near = (
        said("The ferry to Tangier is slow."),
        said("My hamster is slow to rise."),
        said("We crossed by ship.", alike=0.5),
    )
    found = asked("Is the ferry to Tangier comfortable?", ferry, other, near)
    assert [one is not None for one in found] == [True, False, True]


def test_leave_out_the_question_asked_before() -> None:
    question = "When does the ferry to Tangier leave?"
    assert asked(question, said(question)) == [None]
    assert asked(question, said("Does the ferry sell lunch?")) == [None]
    assert text(question, said(f"{question} At nine.")) == f"{question} At nine."


def test_prefer_what_people_said_to_what_an_agent_said_and_a_statement_to_code() -> None:
    user, agent, code = asked(
        "Where is the ferry timetable?",
        said("The ferry timetable hangs in the hall."),
        said("The ferry timetable hangs in the hall.", role="assistant"),
        said("ferry.timetable(); // hall"),
    )
    assert user
    assert agent
    assert code
    assert user.relevance > agent.relevance > code.relevance


def test_prefer_the_speaker_and_the_thing_that_the_question_names() -> None:
    own, told, other = asked(
        "What did Ann paint?",
        said("I did paint a lake.", by="Ann"),
        said("Did you paint that, Ann?! You paint so well.", by="Ben"),
        said("I paint too.", by="Ben"),
    )
    assert own
    assert told
    assert other
    assert own.relevance > told.relevance > other.relevance
    about, not_about = asked("Where does Joel work?", said("Joel has work at the clinic."), said("I work at home."))
    assert about
    assert not_about
    assert about.relevance > 2 * not_about.relevance
