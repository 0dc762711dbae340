"""What a router function may ask for."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.db import Sessions
from app.vocabulary import Vocabulary


def _read_session(request: Request) -> Iterator[Session]:
    sessions: Sessions = request.app.state.sessions
    with sessions.read() as session:
        yield session


def _vocabulary(request: Request) -> Vocabulary:
    vocabulary: Vocabulary = request.app.state.vocabulary
    return vocabulary


# A read session stays open while the answer streams. A write session, when there is one,
# has to commit before the answer starts: scope="function".
ReadSession = Annotated[Session, Depends(_read_session, scope="request")]
CurrentVocabulary = Annotated[Vocabulary, Depends(_vocabulary)]
