"""What is broader than what: only that part of it is read which can matter."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event, select

from app import conflicts as rules
from app.models import Concept, ConceptBroader, Condition
from app.queries.eligible import concept_hierarchy, eligible_claims
from app.vocabulary import ClaimStatus, load_vocabulary
from tests.factories import make_concept
from tests.generators import Base, make_plan, served, write_plan


@pytest.fixture
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with served(tmp_path_factory.mktemp("db")) as base:
        yield base


@pytest.mark.parametrize("number", range(12))
def test_the_part_above_the_claims_gives_the_conflicts_that_all_of_it_gives(
    base: Base, number: int
) -> None:
    with base.sessions.write.begin() as session:
        write_plan(session, make_plan(number, claims=60))
        for condition_id, slug in session.execute(select(Condition.id, Condition.slug)).all():
            claims = eligible_claims(session, condition_id, list(ClaimStatus))
            of_all, of_part = (
                rules.compute_conflicts(claims, load_vocabulary(), hierarchy, condition=slug)
                for hierarchy in (concept_hierarchy(session), concept_hierarchy(session, claims))
            )

            assert of_all == of_part


def test_concepts_that_no_claim_uses_are_not_read(base: Base) -> None:
    with base.sessions.write.begin() as session:
        write_plan(session, make_plan(1))
        top = make_concept(session)
        for _ in range(50):
            narrower = make_concept(session)
            session.add(ConceptBroader(concept_id=narrower.id, broader_id=top.id))
        session.flush()
        [condition_id] = session.scalars(select(Condition.id).where(Condition.slug == "milia"))
        claims = eligible_claims(session, condition_id)
        sent: list[str] = []
        event.listen(base.engine, "before_cursor_execute", lambda *args: sent.append(args[2]))

        hierarchy = concept_hierarchy(session, claims)

        assert len(sent) == 1
        assert not hierarchy.is_same_or_narrower(narrower.key, top.key)
        assert concept_hierarchy(session).is_same_or_narrower(narrower.key, top.key)


def test_a_line_is_followed_to_its_end_and_a_cycle_ends_it(base: Base) -> None:
    with base.sessions.write.begin() as session:
        write_plan(session, make_plan(1))
        deep, gene = (
            session.scalars(select(Concept).where(Concept.key == key)).one()
            for key in ("deep-mutation", "gene")
        )
        session.add(ConceptBroader(concept_id=gene.id, broader_id=deep.id))
        session.flush()
        [condition_id] = session.scalars(select(Condition.id).where(Condition.slug == "milia"))

        hierarchy = concept_hierarchy(session, eligible_claims(session, condition_id))

        line = {"deep-mutation", "mutation", "gene"}
        assert hierarchy.with_broader("deep-mutation") == line
        assert hierarchy.with_broader("gene") == line
