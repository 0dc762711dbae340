"""The sides of a conflict and the order in which a reader meets them."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from app.conflicts.clashes import Clashes
from app.conflicts.model import Citation, Claim, Side
from app.conflicts.stances import (
    ScopeOrder,
    SideId,
    citation_sort_key,
    scope_sort_key,
    side_id_of,
)

Order = tuple[int, ...]


def members_of_sides(clashes: Clashes) -> dict[SideId, tuple[Claim, ...]]:
    """The clashing claims of each side; sides and claims in reading order."""
    claims: defaultdict[SideId, list[Claim]] = defaultdict(list)
    for side, claim, _ in clashes.of_claims:
        claims[side].append(claim)
    members = {side: tuple(in_reading_order(of_side)) for side, of_side in claims.items()}
    return dict(
        sorted(
            members.items(),
            key=lambda member: (member[1][0].citations[0].order, member[0].sort_key),
        ),
    )


def side_of(side: SideId, claims: tuple[Claim, ...]) -> Side:
    citations = reading_order(claims)
    label = claims[0].label
    return Side(
        question=side.question,
        label=f"{label} ({side.voice})" if side.voice else label,
        polarity=side.polarity,
        claims=tuple(claim.id for claim in claims),
        passages=distinct(citation.passage for citation in citations),
        documents=distinct(citation.document for citation in citations),
    )


def reading_order(claims: Iterable[Claim]) -> list[Citation]:
    """All citations of the claims."""
    return sorted(
        (citation for claim in claims for citation in claim.citations),
        key=citation_sort_key,
    )


def in_reading_order(claims: Collection[Claim]) -> list[Claim]:
    """By their first citations, then by what they say; the id only tells equal claims apart."""
    first = {claim.citations[0].order for claim in claims}
    is_told_by_first = len(first) == len(claims)
    return sorted(claims, key=_first_order if is_told_by_first else _claim_sort_key)


def _first_order(claim: Claim) -> Order:
    return claim.citations[0].order


def _claim_sort_key(claim: Claim) -> tuple[Order, tuple[str, ...], ScopeOrder, str]:
    what = side_id_of(claim).sort_key
    return _first_order(claim), what, scope_sort_key(claim.scope), claim.id


def distinct(keys: Iterable[str]) -> tuple[str, ...]:
    """Each key once, where it first stands."""
    return tuple(dict.fromkeys(keys))
