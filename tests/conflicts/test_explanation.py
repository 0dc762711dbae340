"""The sentence that explains a conflict to a lay reader."""

import pytest

from app.conflicts import Claim, Quantity
from app.vocabulary import Exclusivity, Frequency, Rule
from tests.conflicts.builders import citation, claim, only, scope

RARELY, USUALLY = citation(frequency=Frequency.rarely), citation(frequency=Frequency.usually)


@pytest.mark.parametrize(
    ("rule", "claims", "sentence"),
    [
        (
            Rule.values,
            [claim("frequency", "rare"), claim("frequency", "common")],
            (
                "The sources answer the question “How common is it?” with “rare” and “common”, "
                "and this question can have only one answer."
            ),
        ),
        (
            Rule.values,
            [claim("origin", "gene"), claim("origin", "dust"), claim("origin", "sun")],
            (
                "The sources answer the question “What does it come from?” with “gene”, “dust” and "
                "“sun”, and such answers compete with each other."
            ),
        ),
        (
            Rule.values,
            [
                claim("origin", "gene", citation(exclusivity=Exclusivity.sole)),
                claim("origin", "dust"),
            ],
            (
                "The sources answer the question “What does it come from?” with “gene” and “dust”, "
                "and at least one source calls its answer the only one."
            ),
        ),
        (
            Rule.values,
            [
                claim("rate", Quantity(1, 2, "%"), label="1 to 2 %", subject="scars"),
                claim("rate", Quantity(5, None, "%"), label="at least 5 %", subject="scars"),
            ],
            (
                "About “scars”, the sources answer the question “How many have it?” with "
                "“1 to 2 %” and “at least 5 %”, and these ranges do not overlap."
            ),
        ),
        (
            Rule.polarity,
            [claim("symptom", "pain", denied=True), claim("symptom", "pain")],
            (
                "The sources both deny “pain” and affirm “pain” as an answer to the question "
                "“What do people feel?”, which do not go together."
            ),
        ),
        (
            Rule.polarity,
            [claim("symptom", "gene", denied=True), claim("symptom", "keratin-gene")],
            (
                "The sources both deny “gene” and affirm “keratin-gene” as an answer to the "
                "question “What do people feel?”, and what is denied includes what is affirmed."
            ),
        ),
        (
            Rule.polarity,
            [claim("symptom", "pain", USUALLY, denied=True), claim("symptom", "pain", RARELY)],
            (
                "The sources both deny “pain” and affirm “pain” as an answer to the question "
                "“What do people feel?”, which may be a rule and its exceptions."
            ),
        ),
        (
            Rule.known_unknown,
            [claim("origin", "gene"), claim("origin", "unknown")],
            (
                "The sources call the answer to the question “What does it come from?” unknown and "
                "yet name “gene”, which would answer it at least in part."
            ),
        ),
        (
            Rule.frequency,
            [claim("symptom", "pain", RARELY, USUALLY)],
            (
                "The sources give one answer to the question “What do people feel?” both as "
                "“pain (rarely)” and as “pain (usually or always)”, which do not go together."
            ),
        ),
        (
            Rule.frequency,
            [claim("symptom", "pain", RARELY, USUALLY, denied=True)],
            (
                "The sources deny one answer to the question “What do people feel?” both as "
                "“pain (rarely)” and as “pain (usually or always)”, which do not go together."
            ),
        ),
        (
            Rule.opposing_roles,
            [claim("option", "light"), claim("origin", "light")],
            (
                "The sources answer the question “What is it treated with?” with “light” and "
                "answer the question “What does it come from?” with “light”: "
                "What one source treats it with, another says it comes from."
            ),
        ),
        (
            Rule.exclusion,
            [claim("symptom", "numbness"), claim("kind", "painless", denied=True)],
            (
                "The sources answer the question “What do people feel?” with “numbness” and deny "
                "“painless” for the question “What kind of condition is it?”: "
                "What is numb hardly hurts."
            ),
        ),
        (
            Rule.values,
            [
                claim("frequency", "rare", citation(suspected=True), scope=scope(sex="men")),
                claim("frequency", "common"),
            ],
            (
                "The sources answer the question “How common is it?” with “rare” and “common”, and "
                "this question can have only one answer, although one side is only suspected and "
                "they may not speak of the same cases."
            ),
        ),
        (
            Rule.values,
            [claim("frequency", value, citation(suspected=True)) for value in ("rare", "common")],
            (
                "The sources answer the question “How common is it?” with “rare” and “common”, and "
                "this question can have only one answer, although both sides are only suspected."
            ),
        ),
    ],
)
def test_a_sentence_says_what_the_sources_say_and_why_it_is_a_clash(
    rule: Rule,
    claims: list[Claim],
    sentence: str,
) -> None:
    assert only(rule, *claims).explanation == sentence


@pytest.mark.parametrize(("sides", "named"), [(6, "5” and “6”"), (7, "“3” and 4 more,")])
def test_of_more_than_six_sides_the_first_few_are_named(sides: int, named: str) -> None:
    claims = [claim("origin", str(number)) for number in range(1, sides + 1)]
    assert named in only(Rule.values, *claims).explanation
