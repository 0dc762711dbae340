"""The conflict rules: pure functions over the claims of one condition and the vocabulary."""

from app.conflicts.concepts import Concepts
from app.conflicts.gather import compute_conflicts
from app.conflicts.model import (
    Citation,
    Claim,
    Conflict,
    Quantity,
    Result,
    Scope,
    Side,
    SideClash,
)

__all__ = [
    "Citation",
    "Claim",
    "Concepts",
    "Conflict",
    "Quantity",
    "Result",
    "Scope",
    "Side",
    "SideClash",
    "compute_conflicts",
]
