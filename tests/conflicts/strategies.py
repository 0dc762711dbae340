"""Hypothesis strategies: small pools, so that claims often meet."""

from dataclasses import replace

from hypothesis import strategies as st

from app.conflicts import Citation, Claim, Quantity, Scope
from app.vocabulary import Certainty, Exclusivity, Frequency, Polarity, ScopePart

PASSAGES = ("p0", "p1", "p2", "p3", "p4")

_CONCEPTS = (
    "unknown",
    "inherited",
    "gene",
    "keratin-gene",
    "exposure",
    "uv-light",
    "one-of-a-ring",
    "other-of-a-ring",
)
_QUESTIONS = ("frequency", "origin", "material", "symptom", "option", "kind", "rate", "cure")

_scopes = st.sampled_from(
    [
        Scope(),
        Scope(),
        Scope(((ScopePart.severity, "mild"),)),
        Scope(((ScopePart.severity, "very-mild"), (ScopePart.sex, "women"))),
        Scope(((ScopePart.severity, "severe"),)),
        Scope(((ScopePart.population, "children"),), age_high=12),
        Scope(age_low=18),
    ],
)

_quantities = st.sampled_from(
    [
        Quantity(1, 2, "%"),
        Quantity(2, 5, "%"),
        Quantity(4, None, "%"),
        Quantity(1, 2, "mm"),
        Quantity(None, None, "%"),
    ],
)

_values = st.one_of(
    st.sampled_from(_CONCEPTS),
    st.sampled_from(_CONCEPTS),
    _quantities,
    st.sampled_from(["It hurts.", "it  HURTS.", "It itches."]).map(lambda words: (words,)),
)

citations = st.builds(
    Citation,
    id=st.just(""),
    passage=st.sampled_from(PASSAGES),
    document=st.sampled_from(["d0", "d1"]),
    order=st.tuples(st.integers(0, 5)),
    certainty=st.sampled_from(Certainty),
    frequency=st.sampled_from(Frequency),
    exclusivity=st.sampled_from(Exclusivity),
)


@st.composite
def _claims(draw: st.DrawFn) -> Claim:
    value = draw(_values)
    return Claim(
        id="",
        question=draw(st.sampled_from(_QUESTIONS)),
        label=str(value),
        concept=value if isinstance(value, str) else None,
        quantity=value if isinstance(value, Quantity) else None,
        words=value[0] if isinstance(value, tuple) else None,
        subject=draw(st.sampled_from([None, None, None, "scars"])),
        polarity=draw(st.sampled_from([Polarity.affirms, Polarity.affirms, Polarity.denies])),
        scope=draw(_scopes),
        citations=tuple(draw(st.lists(citations, max_size=3))),
    )


def _identity(claim: Claim) -> tuple[object, ...]:
    words = " ".join((claim.words or "").casefold().split())
    value = (claim.concept, claim.quantity, words)
    return claim.subject, claim.question, value, claim.polarity, claim.scope


def renumbered(claims: list[Claim], prefix: str = "") -> list[Claim]:
    """With ids that tell all claims and citations apart."""
    return [
        replace(
            claim,
            id=f"{prefix}CLM{number}",
            citations=tuple(
                replace(citation, id=f"{prefix}CIT{number}.{place}")
                for place, citation in enumerate(claim.citations)
            ),
        )
        for number, claim in enumerate(claims)
    ]


claim_lists = st.lists(_claims(), max_size=14, unique_by=_identity).map(renumbered)
