"""``/vocabulary``: what claims are filed and conflicts are computed by."""

from fastapi.testclient import TestClient

from app.vocabulary import load_vocabulary
from tests.api.operations import walk


def test_the_vocabulary_is_served_as_it_is_kept(milia: TestClient) -> None:
    body = milia.get("/vocabulary").json()

    assert body == load_vocabulary().model_dump(mode="json")


def test_every_type_question_policy_and_rule_has_a_sentence(milia: TestClient) -> None:
    body = milia.get("/vocabulary").json()

    assert all(row["description"] for part in ("types", "policies", "rules") for row in body[part])
    assert all(row["asks"] for row in body["questions"])


def test_every_claim_answers_a_question_of_the_vocabulary(milia: TestClient) -> None:
    types = {row["key"]: row["type"] for row in milia.get("/vocabulary").json()["questions"]}

    for claim in walk(milia, "/claims?limit=100"):
        assert claim["type"] == types[claim["question"]]


def test_every_conflict_names_the_vocabulary_that_it_was_computed_by(milia: TestClient) -> None:
    version = milia.get("/vocabulary").json()["version"]

    rows = walk(milia, "/conflicts?limit=100")

    assert {row["vocabulary_version"] for row in rows} == {version}


def test_an_empty_base_has_the_vocabulary_all_the_same(client: TestClient) -> None:
    assert client.get("/vocabulary").status_code == 200
