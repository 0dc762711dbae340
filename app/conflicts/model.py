"""What goes into the conflict rules and what comes out of them."""

from dataclasses import dataclass

from app.vocabulary import (
    Certainty,
    Exclusivity,
    Frequency,
    Polarity,
    Rule,
    ScopePart,
    Severity,
)


@dataclass(frozen=True, slots=True)
class Citation:
    """One active citation of a claim.

    ``order`` is its place in reading order (document, start) and decides which citation is the
    earliest. ``id`` is only reported back and breaks ties; it decides nothing else.
    """

    id: str
    passage: str
    document: str
    order: tuple[int, ...]
    certainty: Certainty = Certainty.asserted
    frequency: Frequency = Frequency.unspecified
    exclusivity: Exclusivity = Exclusivity.unspecified


@dataclass(frozen=True, slots=True)
class Quantity:
    """A range whose ends are part of it; ``None`` is an open end.

    With both ends open there is nothing but the source's wording, and that is never compared.
    """

    low: float | None
    high: float | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """The cases that a claim is about: at most one concept for each part, and ages in years."""

    parts: tuple[tuple[ScopePart, str], ...] = ()
    age_low: float | None = None
    age_high: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(sorted(self.parts)))


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with exactly one of ``concept``, ``quantity`` and ``words``.

    ``label`` says the value, and ``subject_label`` the subject, in words for a reader.
    """

    id: str
    question: str
    label: str
    concept: str | None = None
    quantity: Quantity | None = None
    words: str | None = None
    subject: str | None = None
    subject_label: str | None = None
    polarity: Polarity = Polarity.affirms
    scope: Scope = Scope()
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One value that clashes: the ids of its clashing claims, and who says them.

    All tuples are distinct and in reading order.
    """

    question: str
    label: str
    polarity: Polarity
    claims: tuple[str, ...]
    passages: tuple[str, ...]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SideClash:
    """Two sides, as indexes into the conflict's sides, and their strongest clash.

    ``reasons`` tell what holds that clash down: ``both_suspected``, ``one_side_suspected``,
    ``scope_uncertain``.
    """

    sides: tuple[int, int]
    severity: Severity
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Clashes of one rule about one thing, under a key that outlives the claims.

    ``question`` is the first of the row's two for ``opposing_roles`` and ``exclusion``; each
    side names its own. ``pivotal`` are the passages without any one of which the conflict
    would no longer be flagged or, if it is a tension, would be gone. ``scope_explained`` are
    pairs of claims that would clash if their scopes were not disjoint. ``fingerprint`` changes
    with what a decision judges, ``basis`` (citation ids) with every citation on a side.
    ``severities``: the strongest clash of each claim in it, in reading order.
    """

    key: str
    rule: Rule
    kind: str
    question: str
    subject: str | None
    severity: Severity
    sides: tuple[Side, ...]
    clashes: tuple[SideClash, ...]
    compatible: tuple[str, ...]
    pivotal: tuple[str, ...]
    scope_explained: tuple[tuple[str, str], ...]
    explanation: str
    fingerprint: str
    basis: tuple[str, ...]
    severities: tuple[tuple[str, Severity], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """``conflicts`` sorted by key; ``severities`` of every claim handed in, by id."""

    conflicts: tuple[Conflict, ...]
    severities: dict[str, Severity]
