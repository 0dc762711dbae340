"""The sides of a conflict and the order in which a reader meets them."""

from collections import defaultdict
from collections.abc import Iterable

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
    members = {side: tuple(sorted(of_side, key=claim_sort_key)) for side, of_side in claims.items()}
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


def claim_sort_key(claim: Claim) -> tuple[Order, tuple[str, ...], ScopeOrder, str]:
    """Reading order, then what the claim says; the id only tells equal claims apart."""
    what = side_id_of(claim).sort_key
    return claim.citations[0].order, what, scope_sort_key(claim.scope), claim.id


def distinct(keys: Iterable[str]) -> tuple[str, ...]:
    """Each key once, where it first stands."""
    return tuple(dict.fromkeys(keys))
