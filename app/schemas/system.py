from typing import Annotated, Literal

from pydantic import Field

from app.schemas.base import Out


class LinkOut(Out):
    href: str
    title: str


class Index(Out):
    name: str
    version: str
    disclaimer: str
    links: list[LinkOut]


class ProblemPage(Out):
    code: str
    status: int
    title: str
    explanation: str


class Alive(Out):
    status: str


class ReplicaOut(Out):
    state: Annotated[
        Literal["current", "behind", "unknown", "away"],
        Field(description="unknown: it answers, and the primary does not."),
    ]
    behind: Annotated[
        int | None,
        Field(description="Changes that it lacks of those that this worker knows."),
    ]


class Ready(Out):
    status: str
    database: Annotated[str, Field(examples=["sqlite"])]
    database_version: str
    schema_revision: str
    change: Annotated[int, Field(description="The number of the last change.")]
    writable: Annotated[
        bool,
        Field(description="Whether changes can be written; a read-only base answers reads."),
    ]
    replica: Annotated[
        ReplicaOut | None,
        Field(description="What answers reads without a key, where there is one."),
    ]


class Version(Out):
    name: str
    version: str
