"""The index, the pages of problems, health and version."""

import pytest
from fastapi.testclient import TestClient

from app.errors import all_errors
from app.version import VERSION

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_index_leads_to_addresses_that_all_answer(milia: TestClient) -> None:
    body = milia.get("/").json()

    statuses = {link["href"]: milia.get(link["href"]).status_code for link in body["links"]}
    assert set(statuses.values()) == {200}
    assert "medical advice" in body["disclaimer"]


def test_a_browser_gets_the_index_as_a_page(milia: TestClient) -> None:
    answer = milia.get("/", headers=BROWSER)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/conditions"' in answer.text
    assert "medical advice" in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html"])
def test_a_program_gets_the_index_as_json(milia: TestClient, accept: str) -> None:
    answer = milia.get("/", headers={"Accept": accept})

    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("address", ["/", "/problems/not-found", "/docs"])
def test_a_page_for_people_is_cacheable_and_allows_no_script_from_elsewhere(
    milia: TestClient,
    address: str,
) -> None:
    answer = milia.get(address, headers=BROWSER)

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "public, no-cache"
    again = milia.get(address, headers=BROWSER | {"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_the_two_forms_of_the_index_have_tags_of_their_own(milia: TestClient) -> None:
    page, body = milia.get("/", headers=BROWSER), milia.get("/")

    assert page.headers["etag"] != body.headers["etag"]
    assert "Accept" in page.headers["vary"]


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.code)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_every_problem_type_has_a_page_that_explains_it(
    milia: TestClient,
    error: type,
    accept: str,
) -> None:
    kind = next(each for each in all_errors() if each is error)

    answer = milia.get(f"/problems/{kind.code}", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(accept)
    assert kind.title in answer.text


def test_an_unknown_problem_type_is_not_found(milia: TestClient) -> None:
    assert milia.get("/problems/nothing-such").status_code == 404


def test_the_process_says_that_it_lives_without_a_database(milia: TestClient) -> None:
    answer = milia.get("/health/live")

    assert answer.json() == {"status": "ok"}
    assert answer.headers["cache-control"] == "no-store"


def test_readiness_names_the_database_and_the_last_change(milia: TestClient) -> None:
    body = milia.get("/health/ready").json()

    assert body["status"] == "ok"
    assert body["database"] in {"sqlite", "postgresql"}
    assert body["change"] >= 1
    assert body["schema_revision"]


def test_the_version_is_that_of_the_release(milia: TestClient) -> None:
    assert milia.get("/version").json() == {"name": "claimbase", "version": VERSION}


def test_the_openapi_document_is_served_and_revalidated(milia: TestClient) -> None:
    answer = milia.get("/openapi.json")

    assert answer.json()["openapi"].startswith("3.1")
    again = milia.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
