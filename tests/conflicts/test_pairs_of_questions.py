"""The rules ``opposing_roles`` and ``exclusion``, which rows of the vocabulary drive."""

from app.vocabulary import Rule, Severity
from tests.conflicts.builders import citation, claim, compute, conflicts, only, vocabulary


def test_one_concept_in_opposed_questions_disagrees() -> None:
    conflict = only(Rule.opposing_roles, claim("option", "light"), claim("origin", "light"))
    assert conflict.severity is Severity.disagreement
    assert conflict.key == "opposing_roles/treats-causes/light"
    assert [side.question for side in conflict.sides] == ["option", "origin"]


def test_a_narrower_concept_in_the_opposed_question_is_a_tension() -> None:
    for questions in (("option", "origin"), ("origin", "option")):
        narrow, broad = questions
        conflict = only(
            Rule.opposing_roles,
            claim(narrow, "light-therapy"),
            claim(broad, "therapy"),
        )
        assert conflict.severity is Severity.tension
        assert conflict.key == "opposing_roles/treats-causes/light-therapy"


def test_unrelated_concepts_in_opposed_questions_stand() -> None:
    assert not compute(claim("option", "light"), claim("origin", "gene")).conflicts


def test_unknown_has_no_role() -> None:
    assert not conflicts(
        Rule.opposing_roles, claim("option", "unknown"), claim("origin", "unknown")
    )


def test_a_denied_role_opposes_nothing() -> None:
    assert not compute(claim("option", "light", denied=True), claim("origin", "light")).conflicts


def test_questions_without_a_row_are_not_opposed() -> None:
    assert not compute(claim("option", "light"), claim("symptom", "light")).conflicts


def test_two_hypotheses_about_opposed_roles_are_a_tension() -> None:
    option = claim("option", "light", citation(suspected=True))
    origin = claim("origin", "light", citation(suspected=True))
    assert only(Rule.opposing_roles, option, origin).severity is Severity.tension


def test_roles_of_different_subjects_are_not_opposed() -> None:
    assert not compute(
        claim("option", "light", subject="scars"),
        claim("origin", "light"),
    ).conflicts


def test_concepts_on_a_cycle_have_one_conflict() -> None:
    conflict = only(
        Rule.opposing_roles,
        claim("option", "other-of-a-ring"),
        claim("origin", "one-of-a-ring"),
    )
    assert conflict.key == "opposing_roles/treats-causes/one-of-a-ring"


def test_an_exclusion_has_the_severity_of_its_row() -> None:
    conflict = only(Rule.exclusion, claim("kind", "inherited"), claim("origin", "exposure"))
    assert conflict.severity is Severity.contradiction
    assert conflict.key == "exclusion/inherited-exposure"


def test_each_side_of_an_exclusion_stands_for_its_narrower_concepts() -> None:
    conflict = only(
        Rule.exclusion,
        claim("kind", "keratin-gene"),
        claim("kind", "inherited"),
        claim("origin", "uv-light"),
    )
    assert [side.label for side in conflict.sides] == ["keratin-gene", "inherited", "uv-light"]


def test_a_side_of_an_exclusion_does_not_stand_for_broader_concepts() -> None:
    narrow = vocabulary(
        exclusions=[
            {
                "key": "narrow",
                "sides": [
                    {"question": "kind", "concept": "keratin-gene", "polarity": "affirms"},
                    {"question": "origin", "concept": "exposure", "polarity": "affirms"},
                ],
                "severity": "contradiction",
                "reason": "So it is written.",
            },
        ],
    )
    assert not compute(claim("kind", "gene"), claim("origin", "exposure"), words=narrow).conflicts


def test_an_exclusion_holds_for_the_polarity_that_it_names() -> None:
    numb = claim("symptom", "numbness")
    conflict = only(Rule.exclusion, numb, claim("kind", "painless", denied=True))
    assert conflict.severity is Severity.tension
    assert not compute(numb, claim("kind", "painless")).conflicts


def test_an_exclusion_within_one_question_does_not_set_a_value_against_itself() -> None:
    sides = [
        {"question": "symptom", "concept": concept, "polarity": "affirms"}
        for concept in ("children", "adults")
    ]
    rows = [{"key": "row", "sides": sides, "severity": "disagreement", "reason": "As written."}]
    result = compute(
        claim("symptom", "teenagers"),
        words=vocabulary(exclusions=rows),
    )
    assert not result.conflicts
