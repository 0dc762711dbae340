from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class SeedReport:
    """What loading a seed did.

    ``left`` are records that people changed since the seed wrote them, ``missing`` are
    keys that a former seed had and this one has not; neither is touched.
    """

    change: int | None = None
    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "created": dict(self.created),
            "updated": dict(self.updated),
            "left": self.left,
            "missing": self.missing,
        }
