"""The small form of the calls that follow one from another."""

from sqlalchemy import Engine

from tests.torture.sequences import problems, run


def test_what_an_answer_links_to_keeps_what_the_document_promises(empty_engine: Engine) -> None:
    outcome = run(empty_engine, 20, 1)

    assert list(problems(outcome)) == []
    assert outcome.led_on.total() > 0
