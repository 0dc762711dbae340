"""One sentence about a conflict, for a reader who knows neither the field nor the rules.

It says what the sources say and why that is a clash, never who is right.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from app.conflicts.lowering import (
    BOTH_SUSPECTED,
    ONE_SIDE_SUSPECTED,
    SCOPE_UNCERTAIN,
    Verdict,
)
from app.conflicts.model import Side
from app.conflicts.rules import Contest
from app.conflicts.stances import SideId
from app.conflicts.values import Value, ValueKind
from app.vocabulary import Polarity, Policy, Rule, Severity, Vocabulary

_MOST_NAMED = 6
_NAMED_OF_MANY = 3

_RESERVATIONS = {
    BOTH_SUSPECTED: "both sides are only suspected",
    ONE_SIDE_SUSPECTED: "one side is only suspected",
    SCOPE_UNCERTAIN: "they may not speak of the same cases",
}

_WHY_VALUES_CLASH = {
    Policy.single: "this question can have only one answer",
    Policy.competing: "such answers compete with each other",
    Policy.open: "such answers compete with each other",
    Policy.interval: "these ranges do not overlap",
}


@dataclass(frozen=True, slots=True)
class Dispute:
    """What a sentence is made of. ``strongest`` is the verdict on the strongest clash."""

    contest: Contest
    sides: Mapping[SideId, Side]
    strongest: Verdict
    vocabulary: Vocabulary

    @property
    def question(self) -> str:
        return self.quoted(self.contest.topic.question)

    def quoted(self, question: str) -> str:
        return f"the question “{self.vocabulary.question_by_key[question].asks}”"

    def listed(self, of_interest: Callable[[SideId], bool] = lambda _side: True) -> str:
        """The labels of these sides, only the first few if the conflict has many."""
        labels = [f"“{side.label}”" for side_id, side in self.sides.items() if of_interest(side_id)]
        if len(self.sides) > _MOST_NAMED and len(labels) > _NAMED_OF_MANY:
            left_out = len(labels) - _NAMED_OF_MANY
            labels = [*labels[:_NAMED_OF_MANY], f"{left_out} more"]
        return joined(labels)


def explain(dispute: Dispute, *, about: str | None) -> str:
    """``about``: the subject in words; ``None`` for the condition itself."""
    opening = f"About “{about}”, the sources" if about else "The sources"
    body = _TEMPLATES[dispute.contest.rule](dispute)
    reservations = [_RESERVATIONS[reason] for reason in dispute.strongest.reasons]
    closing = f", although {joined(reservations)}" if reservations else ""
    return f"{opening} {body}{closing}."


def joined(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _values(dispute: Dispute) -> str:
    vocabulary = dispute.vocabulary
    question = vocabulary.question_by_key[dispute.contest.topic.question]
    usual = vocabulary.policy_by_key[question.policy].severity or Severity.none
    why = _WHY_VALUES_CLASH[question.policy]
    if dispute.strongest.severity.rank > usual.rank:
        why = "at least one source calls its answer the only one"
    return f"answer {dispute.question} with {dispute.listed()}, and {why}"


def _polarity(dispute: Dispute) -> str:
    denied = dispute.listed(lambda side: side.polarity is Polarity.denies)
    affirmed = dispute.listed(lambda side: side.polarity is Polarity.affirms)
    if dispute.strongest.severity is Severity.tension and not dispute.strongest.reasons:
        why = "which may be a rule and its exceptions"
    elif len({side.value for side in dispute.sides}) == 1:
        why = "which do not go together"
    else:
        why = "and what is denied includes what is affirmed"
    return f"both deny {denied} and affirm {affirmed} as an answer to {dispute.question}, {why}"


def _known_unknown(dispute: Dispute) -> str:
    unknown = Value(ValueKind.concept, dispute.vocabulary.unknown_concept)
    known = dispute.listed(lambda side: side.value != unknown)
    return (
        f"call the answer to {dispute.question} unknown and yet name {known}, "
        "which would answer it at least in part"
    )


def _frequency(dispute: Dispute) -> str:
    rarely, often = dispute.sides.values()
    verb = "deny" if rarely.polarity is Polarity.denies else "give"
    return (
        f"{verb} one answer to {dispute.question} both as “{rarely.label}” "
        f"and as “{often.label}”, which do not go together"
    )


def _row_of_vocabulary(dispute: Dispute) -> str:
    answers = []
    for question, polarity in dict.fromkeys((one.question, one.polarity) for one in dispute.sides):
        named = dispute.listed(partial(_is_of, question, polarity))
        asked = dispute.quoted(question)
        denied = polarity is Polarity.denies
        answers.append(f"deny {named} for {asked}" if denied else f"answer {asked} with {named}")
    reason = dispute.contest.row.reason.removesuffix(".") if dispute.contest.row else ""
    return f"{joined(answers)}: {reason}"


def _is_of(question: str, polarity: Polarity, side: SideId) -> bool:
    return (side.question, side.polarity) == (question, polarity)


_TEMPLATES: dict[Rule, Callable[[Dispute], str]] = {
    Rule.values: _values,
    Rule.polarity: _polarity,
    Rule.known_unknown: _known_unknown,
    Rule.frequency: _frequency,
    Rule.opposing_roles: _row_of_vocabulary,
    Rule.exclusion: _row_of_vocabulary,
}
