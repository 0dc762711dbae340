"""The shipped vocabulary is sound, and a broken one is refused with its place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.vocabulary import (
    Policy,
    Rule,
    Severity,
    Vocabulary,
    VocabularyFileError,
    load_vocabulary,
)

Body = dict[str, Any]


def body() -> Body:
    return load_vocabulary().model_dump(mode="json")


def load_file(folder: Path, content: str | bytes) -> Vocabulary:
    file = folder / "vocabulary.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_vocabulary(file)


def test_the_shipped_vocabulary_is_valid() -> None:
    vocabulary = load_vocabulary()

    assert {row.key for row in vocabulary.policies} == set(Policy)
    assert {row.key for row in vocabulary.rules} == set(Rule)


def test_a_question_is_named_after_its_type() -> None:
    for question in load_vocabulary().questions:
        assert question.key.split(".")[0] == question.type


def test_words_answer_open_questions_only() -> None:
    for question in load_vocabulary().questions:
        assert "words" not in question.values or question.policy is Policy.open


def test_an_interval_is_answered_by_quantities() -> None:
    for question in load_vocabulary().questions:
        assert (question.policy is Policy.interval) == (question.values == ["quantity"])


def test_an_exclusion_is_at_least_a_tension() -> None:
    for row in load_vocabulary().exclusions:
        assert row.severity is not Severity.none


def test_a_vocabulary_survives_being_written_and_read(tmp_path: Path) -> None:
    found = load_file(tmp_path, json.dumps(body()))

    assert found == load_vocabulary()
    assert found.digest == load_vocabulary().digest


def test_the_digest_does_not_depend_on_the_order_of_members(tmp_path: Path) -> None:
    found = load_file(tmp_path, json.dumps(body(), sort_keys=True, indent=3))

    assert found.digest == load_vocabulary().digest


def test_any_change_changes_the_digest(tmp_path: Path) -> None:
    changed = body()
    changed["questions"][0]["asks"] += "!"

    assert load_file(tmp_path, json.dumps(changed)).digest != load_vocabulary().digest


def drop(name: str) -> Callable[[Body], None]:
    return lambda vocabulary: vocabulary[name].pop()


def repeat(name: str) -> Callable[[Body], None]:
    return lambda vocabulary: vocabulary[name].append(vocabulary[name][0])


def put(value: object, *path: str | int) -> Callable[[Body], None]:
    def change(vocabulary: Any) -> None:
        for step in path[:-1]:
            vocabulary = vocabulary[step]
        vocabulary[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("breaks", "place"),
    [
        (put("x", "questions", 0, "policy"), "/questions/0/policy"),
        (put([], "questions", 0, "values"), "/questions/0/values"),
        (put(["colour"], "questions", 0, "values"), "/questions/0/values/0"),
        (put("Not A Key", "questions", 0, "key"), "/questions/0/key"),
        (put("no.such", "questions", 0, "type"), "questions: definition.kind has an unknown type"),
        (put(["no.such"], "questions", 0, "covers"), "no.such is named, but is no question"),
        (put(["no.role", "no.role"], "opposed", 0, "questions"), "no.role is named"),
        (put("no.side", "exclusions", 0, "sides", 0, "question"), "no.side is named"),
        (put("grave", "exclusions", 0, "severity"), "/exclusions/0/severity"),
        (put(["one"], "disjoint", 0, "values"), "/disjoint/0/values"),
        (put("mood", "disjoint", 0, "part"), "/disjoint/0/part"),
        (put(0, "version"), "/version"),
        (put(1, "colour"), "/colour"),
        (put(1, "questions", 0, "colour"), "/questions/0/colour"),
        (drop("policies"), "policies"),
        (drop("rules"), "rules"),
        (repeat("types"), "types: definition stand there twice"),
        (repeat("questions"), "questions: definition.kind stand there twice"),
        (repeat("disjoint"), "opposed, exclusions and disjoint"),
    ],
)
def test_a_broken_vocabulary_is_refused_with_its_place(
    tmp_path: Path,
    breaks: Callable[[Body], None],
    place: str,
) -> None:
    vocabulary = body()
    breaks(vocabulary)

    with pytest.raises(VocabularyFileError) as caught:
        load_file(tmp_path, json.dumps(vocabulary))

    assert place in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"null"])
def test_a_file_that_holds_no_vocabulary_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(VocabularyFileError, match="is no vocabulary"):
        load_file(tmp_path, content)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VocabularyFileError, match=r"absent\.json cannot be read"):
        load_vocabulary(tmp_path / "absent.json")
