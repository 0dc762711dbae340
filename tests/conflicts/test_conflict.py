"""What a conflict is made of: sides, clashes, compatible claims, pivotal passages, keys."""

from app.conflicts import Claim, Quantity
from app.vocabulary import Exclusivity, Frequency, Polarity, Rule, Severity
from tests.conflicts.builders import citation, cited, claim, compute, conflicts, only, scope


def test_a_condition_without_claims_has_no_conflicts() -> None:
    result = compute()
    assert (result.conflicts, result.severities) == ((), {})


def test_sides_stand_in_the_order_of_their_earliest_citations() -> None:
    conflict = only(
        Rule.values,
        claim("origin", "gene", citation(at=5)),
        claim("origin", "dust", citation(at=9), citation(at=1)),
        claim("origin", "sun", citation(at=3)),
    )
    assert [side.label for side in conflict.sides] == ["dust", "sun", "gene"]


def test_a_side_names_its_claims_passages_and_documents_once_in_reading_order() -> None:
    unscoped = claim(
        "origin",
        "gene",
        citation("c", at=7, document="two"),
        citation("a", at=2, document="one"),
        citation("a", at=3, document="one"),
    )
    scoped = claim("origin", "gene", citation("b", at=1, document="two"), scope=scope(sex="men"))
    side = only(Rule.values, claim("origin", "dust"), unscoped, scoped).sides[0]
    assert side.claims == (scoped.id, unscoped.id)
    assert side.passages == ("b", "a", "c")
    assert side.documents == ("two", "one")
    assert (side.question, side.polarity) == ("origin", Polarity.affirms)


def test_sides_are_never_merged_through_a_broader_value() -> None:
    conflict = only(
        Rule.values,
        claim("origin", "keratin-gene"),
        claim("origin", "gene"),
        claim("origin", "dust"),
    )
    assert [side.label for side in conflict.sides] == ["keratin-gene", "gene", "dust"]
    assert [clash.sides for clash in conflict.clashes] == [(0, 2), (1, 2)]


def test_a_broader_value_that_clashes_with_none_is_compatible() -> None:
    inherited = claim("origin", "inherited")
    conflict = only(
        Rule.values,
        claim("origin", "keratin-gene"),
        claim("origin", "collagen-gene"),
        inherited,
    )
    assert conflict.compatible == (inherited.id,)
    assert [side.label for side in conflict.sides] == ["keratin-gene", "collagen-gene"]


def test_a_value_unrelated_to_every_side_is_not_called_compatible() -> None:
    listed = citation(exclusivity=Exclusivity.one_of_several)
    conflict = only(
        Rule.known_unknown,
        claim("origin", "unknown"),
        claim("origin", "gene", listed),
        claim("origin", "sun", citation(suspected=True)),
        claim("origin", "inherited", citation(suspected=True), subject="scars"),
        claim("origin", "inherited", citation(suspected=True), denied=True),
    )
    assert conflict.compatible == ()


def test_a_value_affirmed_beside_a_narrower_denied_one_is_compatible() -> None:
    inherited = claim("symptom", "inherited")
    conflict = only(
        Rule.polarity,
        claim("symptom", "gene", denied=True),
        claim("symptom", "gene"),
        inherited,
    )
    assert conflict.compatible == (inherited.id,)


def test_a_claim_of_a_sides_value_that_clashes_with_none_is_on_no_side() -> None:
    apart = claim("frequency", "rare", scope=scope(severity="severe"))
    conflict = only(
        Rule.values,
        claim("frequency", "rare", scope=scope(severity="mild")),
        claim("frequency", "common", scope=scope(severity="mild")),
        apart,
    )
    assert all(apart.id not in side.claims for side in conflict.sides)
    assert conflict.compatible == ()


def test_a_side_is_called_what_its_earliest_claim_calls_it() -> None:
    late = claim("origin", "gene", citation(at=9), label="a faulty gene")
    early = claim("origin", "gene", citation(at=1), label="a gene", scope=scope(sex="men"))
    conflict = only(Rule.values, late, early, claim("origin", "dust", citation(at=0)))
    assert [side.label for side in conflict.sides] == ["dust", "a gene"]


def test_a_claim_has_the_highest_severity_of_its_own_clashes() -> None:
    rare, common, maybe = (
        claim("frequency", "rare"),
        claim("frequency", "common"),
        claim("frequency", "everywhere", citation(suspected=True)),
    )
    itching = claim("symptom", "itching")
    assert compute(rare, common, maybe, itching).severities == {
        rare.id: Severity.contradiction,
        common.id: Severity.contradiction,
        maybe.id: Severity.disagreement,
        itching.id: Severity.none,
    }


def test_a_claim_keeps_its_highest_severity_over_all_rules() -> None:
    gene = claim("origin", "gene")
    result = compute(gene, claim("origin", "dust"), claim("origin", "gene", denied=True))
    assert len(result.conflicts) == 2
    assert result.severities[gene.id] is Severity.contradiction


def test_the_passages_of_two_single_sources_are_both_pivotal() -> None:
    conflict = only(
        Rule.values,
        claim("frequency", "rare", citation("second", at=2)),
        claim("frequency", "common", citation("first", at=1)),
    )
    assert conflict.pivotal == ("first", "second")


def test_a_source_with_company_is_not_pivotal() -> None:
    conflict = only(
        Rule.values,
        claim("frequency", "rare", citation("alone")),
        claim("frequency", "common", citation("one"), citation("two")),
    )
    assert conflict.pivotal == ("alone",)


def test_nobody_is_pivotal_where_every_side_has_company() -> None:
    rare, common = (
        claim("frequency", value, citation(), citation()) for value in ("rare", "common")
    )
    assert only(Rule.values, rare, common).pivotal == ()


def test_a_passage_that_contradicts_itself_is_pivotal() -> None:
    rare, common = (
        claim("frequency", value, citation("both"), citation("both"))
        for value in ("rare", "common")
    )
    assert only(Rule.values, rare, common).pivotal == ("both",)


def test_only_flagged_clashes_decide_who_is_pivotal_in_a_flagged_conflict() -> None:
    conflict = only(
        Rule.values,
        claim("origin", "gene", citation("asserts"), citation("suspects", suspected=True)),
        claim("origin", "dust", citation("suspects-dust", suspected=True)),
    )
    assert conflict.pivotal == ("asserts", "suspects-dust")


def test_tensions_without_a_common_passage_do_not_hide_a_pivotal_one() -> None:
    hypotheses = [
        claim("origin", value, citation(suspected=True)) for value in ("gene", "dust", "sun")
    ]
    conflict = only(Rule.values, *hypotheses, claim("origin", "water", citation("asserts")))
    assert conflict.pivotal == ("asserts",)


def test_all_clashes_decide_who_is_pivotal_in_a_tension() -> None:
    suspected = [citation(passage, suspected=True) for passage in ("one", "two", "three")]
    conflict = only(
        Rule.values,
        claim("origin", "gene", *suspected[:2]),
        claim("origin", "dust", suspected[2]),
    )
    assert conflict.severity is Severity.tension
    assert conflict.pivotal == ("three",)


def test_a_key_names_condition_rule_question_and_subject() -> None:
    keys = [
        conflict.key
        for conflict in compute(
            claim("frequency", "rare"),
            claim("frequency", "common"),
            claim("frequency", "rare", subject="scars"),
            claim("frequency", "common", subject="scars"),
            claim("symptom", "pain", denied=True),
            claim("symptom", "pain"),
            condition="milia",
        ).conflicts
    ]
    assert keys == [
        "milia/polarity/symptom/pain",
        "milia/values/frequency",
        "milia/values/frequency/about:scars",
    ]


def test_a_key_does_not_depend_on_which_claims_exist() -> None:
    few = [claim("origin", "gene"), claim("origin", "dust")]
    more = [claim("origin", "sun"), claim("origin", "unknown"), claim("option", "gene")]
    before = {conflict.key for conflict in compute(*few).conflicts}
    after = {conflict.key for conflict in compute(*more, *few[:1]).conflicts}
    assert before == {"values/origin"} <= after


def test_denied_quantities_and_words_have_keys_of_their_own() -> None:
    claims: list[Claim] = []
    for value in (Quantity(1, 2, "%"), Quantity(1, 2, "mm"), Quantity(1, None, "%")):
        claims += [claim("symptom", value, denied=True), claim("symptom", value)]
    for words in ("It hurts.", "It itches."):
        claims += [claim("symptom", words=words, denied=True), claim("symptom", words=words)]
    keys = [conflict.key for conflict in conflicts(Rule.polarity, *claims)]
    assert len(set(keys)) == 5
    assert keys == sorted(keys)
    assert all(key.startswith(("polarity/symptom/qu", "polarity/symptom/wo")) for key in keys)


def test_the_basis_names_every_citation_of_the_clashing_claims() -> None:
    gene = cited(claim("origin", "gene"), citation(frequency=Frequency.rarely))
    dust, itching = claim("origin", "dust"), claim("symptom", "itching")
    ids = sorted(one.id for one in (*gene.citations, *dust.citations))
    assert only(Rule.values, gene, dust, itching).basis == tuple(ids)
