"""The small form of the calls that are made from the OpenAPI document."""

from sqlalchemy import Engine

from tests.api.operations import OPERATIONS
from tests.torture.schemas import problems, run


def test_every_answer_keeps_what_the_document_promises(empty_engine: Engine) -> None:
    outcome = run(empty_engine, 32 * len(OPERATIONS), 1)

    assert list(problems(outcome)) == []
    assert outcome.cases > 25 * len(OPERATIONS)
