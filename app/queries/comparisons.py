"""Sources side by side: who says what on each question, and how many stand where."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identifiers import Prefix, number_of
from app.models import Claim
from app.queries.claims import claim_bodies
from app.queries.conditions import conflicts_of
from app.queries.records import Record, document_records
from app.queries.view import View, visible_claims
from app.vocabulary import QuestionRow, Severity, Vocabulary

MAX_CLAIMS = 5_000


def get_matrix(
    session: Session,
    condition_id: int,
    vocabulary: Vocabulary,
    view: View,
    *,
    by: str,
) -> Record:
    """Questions by passages or documents: the claims that each makes, and where they part.

    A row for each question and subject that any claim answers, a cell for each source that
    says something. At most 5,000 claims; ``truncated`` tells.
    """
    claims, truncated = _claims(session, condition_id, view)
    conflicts = conflicts_of(session, condition_id, view)
    rows = [
        {
            **_heading(question, of_question),
            "conflicts": _conflicts_between(of_question, conflicts),
            "severity": _strongest(of_question),
            "cells": _cells(of_question, by),
        }
        for question, of_question in _by_question(claims, vocabulary)
    ]
    return {
        "by": by,
        "columns": _columns(session, claims, by),
        "rows": rows,
        "truncated": truncated,
    }


def get_agreement(
    session: Session,
    condition_id: int,
    vocabulary: Vocabulary,
    view: View,
) -> Record:
    """For each question and subject, how many passages give each answer."""
    claims, truncated = _claims(session, condition_id, view)
    conflicts = conflicts_of(session, condition_id, view)
    rows = []
    for question, of_question in _by_question(claims, vocabulary):
        answers = [_answer(claim) for claim in of_question]
        answers.sort(key=lambda answer: (-answer["passage_count"], answer["claim"]))
        rows.append(
            {
                **_heading(question, of_question),
                "conflicts": _conflicts_between(of_question, conflicts),
                "severity": _strongest(of_question),
                "passage_count": len({p for answer in answers for p in answer["passages"]}),
                "answers": answers,
            },
        )
    return {"data": rows, "truncated": truncated}


def _claims(session: Session, condition_id: int, view: View) -> tuple[list[Record], bool]:
    statement = (
        select(Claim.id)
        .where(visible_claims(), Claim.condition_id == condition_id)
        .order_by(Claim.id)
        .limit(MAX_CLAIMS + 1)
    )
    if view.excludes:
        statement = statement.where(Claim.id.in_(list(view.counts)))
    ids = list(session.scalars(statement))
    return claim_bodies(session, ids[:MAX_CLAIMS], view), len(ids) > MAX_CLAIMS


def _by_question(
    claims: Sequence[Record],
    vocabulary: Vocabulary,
) -> Iterable[tuple[QuestionRow, list[Record]]]:
    """Claims by question, in the order of the vocabulary, and by what they are about."""
    found: dict[tuple[str, str], list[Record]] = {}
    for claim in claims:
        subject = claim["subject"]["key"] if claim["subject"] else ""
        found.setdefault((claim["question"], subject), []).append(claim)
    place = {row.key: number for number, row in enumerate(vocabulary.questions)}
    for key in sorted(found, key=lambda key: (place[key[0]], key[1])):
        yield vocabulary.question_by_key[key[0]], found[key]


def _heading(question: QuestionRow, claims: Sequence[Record]) -> Record:
    return {
        "question": question.key,
        "type": question.type,
        "asks": question.asks,
        "policy": question.policy.value,
        "subject": claims[0]["subject"],
    }


def label_of(claim: Record) -> str:
    """A claim's value in words."""
    if claim["concept"]:
        return str(claim["concept"]["label"])
    return str(claim["quantity"]["as_said"] if claim["quantity"] else claim["words"])


def _conflicts_between(claims: Sequence[Record], conflicts: Sequence[Record]) -> list[str]:
    named = {ref["id"] for claim in claims for ref in claim["conflicts"]}
    return [conflict["id"] for conflict in conflicts if conflict["id"] in named]


def _strongest(claims: Sequence[Record]) -> str:
    severities = [Severity(claim["severity"]) for claim in claims]
    return max(severities, key=lambda severity: severity.rank).value


def _cells(claims: Sequence[Record], by: str) -> list[Record]:
    cells: dict[str, list[Record]] = {}
    for claim in claims:
        for citation in claim["citations"]:
            cells.setdefault(citation[by]["id"], []).append(
                {
                    "claim": claim["id"],
                    "label": label_of(claim),
                    "polarity": claim["polarity"],
                    "scope": claim["scope"],
                    "certainty": citation["certainty"],
                    "frequency": citation["frequency"],
                    "exclusivity": citation["exclusivity"],
                    "severity": claim["severity"],
                },
            )
    return [
        {"column": column, "answers": answers}
        for column, answers in sorted(cells.items(), key=lambda cell: (len(cell[0]), cell[0]))
    ]


def _columns(session: Session, claims: Sequence[Record], by: str) -> list[Record]:
    cited = {citation[by]["id"] for claim in claims for citation in claim["citations"]}
    documents = {
        number_of(Prefix.document, c["document"]["id"])
        for claim in claims
        for c in claim["citations"]
    }
    columns: list[dict[str, Any]] = []
    for record in document_records(session, sorted(documents)).values():
        shown = {"document": record["id"], "title": record["title"]}
        parts = [record] if by == "document" else record["passages"]
        columns += [
            {"id": part["id"], "key": part["key"], "heading": part.get("heading"), **shown}
            for part in parts
            if part["id"] in cited
        ]
    return columns


def _answer(claim: Record) -> Record:
    passages = list(dict.fromkeys(citation["passage"]["id"] for citation in claim["citations"]))
    documents = list(dict.fromkeys(citation["document"]["id"] for citation in claim["citations"]))
    return {
        "claim": claim["id"],
        "label": label_of(claim),
        "polarity": claim["polarity"],
        "scope": claim["scope"],
        "severity": claim["severity"],
        "passages": passages,
        "passage_count": len(passages),
        "document_count": len(documents),
        "suspected": sum(c["certainty"] == "suspected" for c in claim["citations"]),
    }
