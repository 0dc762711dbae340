"""After any edit of a seed the stored conflicts are what a full rebuild gives."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from app.db import Sessions
from app.models import Claim, Condition, Conflict, ConflictClaim
from app.queries.check import check_base
from app.queries.computed import compute_rows
from app.vocabulary import load_vocabulary
from tests.commands.seeds import Seed, cite, claim, concept, load, pairs, small_seed
from tests.conftest import rolled_back

CONCEPTS = ("gene", "gland", "mutation", "sun", "unknown")
QUOTES = ("It comes from a gene", "It may hurt", "It comes from blocked glands", "Milia is common")
QUESTIONS = ("cause.origin", "risk_factor.factor", "treatment.option", "mechanism.lesion_material")


@st.composite
def citations(draw: st.DrawFn) -> list[Seed]:
    quotes = draw(st.lists(st.sampled_from(QUOTES), min_size=1, max_size=2, unique=True))
    return [
        cite(
            quote,
            certainty=draw(st.sampled_from(["asserted", "suspected"])),
            frequency=draw(st.sampled_from(["always", "unspecified", "sometimes", "rarely"])),
            exclusivity=draw(st.sampled_from(["sole", "one_of_several", "unspecified"])),
        )
        for quote in quotes
    ]


@st.composite
def seeds(draw: st.DrawFn) -> Seed:
    """Claims over few values, so that they clash, and concepts in changing order."""
    seed = small_seed()
    broader = {
        "mutation": draw(st.sampled_from([[], ["gene"]])),
        "gland": draw(st.sampled_from([[], ["gene"]])),
    }
    seed["concepts"] = [concept(key, broader=broader.get(key)) for key in CONCEPTS]
    said = draw(
        st.lists(
            st.tuples(
                st.sampled_from(QUESTIONS),
                st.sampled_from(CONCEPTS),
                st.sampled_from(["affirms", "denies"]),
            ),
            max_size=6,
            unique=True,
        ),
    )
    seed["claims"] = [
        claim(
            question,
            value,
            *draw(citations()),
            key=f"milia/{question}/{value}/{polarity}",
            polarity=polarity,
        )
        for question, value, polarity in said
    ]
    return seed


def stored(sessions: Sessions) -> tuple[dict[str, Any], dict[int, Any]]:
    with sessions.read() as session:
        conflicts = {
            row.key: row
            for row in session.scalars(select(Conflict).where(Conflict.status == "open"))
        }
        members: dict[int, list[tuple[int, int, Any]]] = {}
        for row in session.scalars(select(ConflictClaim)):
            members.setdefault(row.conflict_id, []).append((row.claim_id, row.side, row.severity))
        flags = pairs(session, select(Claim.id, Claim.severity))
    rows = {key: (row, sorted(members.get(row.id, []))) for key, row in conflicts.items()}
    assert len(members) == len(rows)  # closed conflicts have no claims
    return rows, flags


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edits=st.lists(seeds(), min_size=1, max_size=4))
def test_a_refresh_after_any_edit_equals_a_full_rebuild(
    empty_engine: Engine,
    edits: list[Seed],
) -> None:
    with rolled_back(empty_engine) as sessions:
        for seed in edits:
            load(sessions, seed)

        rows, flags = stored(sessions)
        with sessions.read() as session:
            [condition] = session.scalars(select(Condition.id)).all()
            computed, severities = compute_rows(session, condition, "milia", load_vocabulary())
            faults = check_base(session, load_vocabulary(), lambda _: None)

    assert rows.keys() == computed.keys()
    for key, (row, members) in rows.items():
        assert {name: getattr(row, name) for name in computed[key].columns} == computed[key].columns
        assert members == sorted(computed[key].claims)
    assert flags == severities
    assert faults == []
