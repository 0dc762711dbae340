"""Import lines of one condition with very many claims, spread over 50 questions.

Open questions have as many answers as claims, one in 30 of them also denied. Others are asked
of a subject each, with a second answer for one in 30.
"""

import json
from collections.abc import Iterator
from typing import Any

from app.vocabulary import Policy, QuestionRow, load_vocabulary

QUESTIONS = 50
CLASHING = 30  # one claim of so many has another against it
CLAIMS_OF_A_DOCUMENT = 400
WORDS = "what this document says of it, in words that stand there "
Line = dict[str, Any]


def slug_of(claims: int) -> str:
    return f"bench-large-{claims}"


def lines(claims: int) -> Iterator[str]:
    for line in _lines(claims):
        yield json.dumps(line) + "\n"


def questions() -> list[QuestionRow]:
    asked = [row for row in load_vocabulary().questions if "concept" in row.values]
    return asked[:QUESTIONS]


def _lines(claims: int) -> Iterator[Line]:
    asked = questions()
    for number in range(-(-claims // len(asked)) + 1):
        line: Line = {"type": "concept", "key": f"large-{number}", "label": f"large {number}"}
        line["kind"] = "other"
        if number % 10 == 9:  # noqa: PLR2004 - each tenth
            line["broader"] = [f"large-{number - 9}"]
        yield line
    yield {"type": "condition", "slug": slug_of(claims), "name": f"Large {claims}"}
    for number in range(claims):
        if number % CLAIMS_OF_A_DOCUMENT == 0:
            document = f"bench-large-{claims}-{number // CLAIMS_OF_A_DOCUMENT}"
            yield {
                "type": "document",
                "key": document,
                "title": document,
                "text": WORDS * CLAIMS_OF_A_DOCUMENT,
                "passages": [{"key": "p", "start": 0, "end": len(WORDS) * CLAIMS_OF_A_DOCUMENT}],
            }
        start = number % CLAIMS_OF_A_DOCUMENT * len(WORDS)
        yield {
            "type": "claim",
            "key": f"bench-large-{claims}/{number}",
            "condition": slug_of(claims),
            "statement": f"Large claim number {number}.",
            **_answer(asked[number % len(asked)], number // len(asked)),
            "citations": [
                {
                    "passage": f"{document}/p",
                    "start": start,
                    "end": start + len("what this document says"),
                    "quote": "what this document says",
                },
            ],
        }


def _answer(question: QuestionRow, place: int) -> Line:
    """The one of this place among those to a question."""
    clashes = place % CLASHING == CLASHING - 1
    said: Line = {"question": question.key}
    if question.policy is Policy.open:
        denied = {"polarity": "denies"} if clashes else {}
        return said | {"concept": f"large-{place - clashes}"} | denied
    return said | {"subject": f"large-{place - clashes}", "concept": f"large-{int(clashes)}"}
