"""Log lines: one a request, with its id, in two forms, and never with a secret."""

import json
import logging
import logging.config
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from app.db import Sessions
from app.logs import JsonFormatter, TextFormatter, logging_config, request_id, without_keys
from app.policy import Role
from tests.accounts import bearer, key_of
from tests.apps import make_app
from tests.startup.servers import serving

Line = dict[str, Any]
FORMATTERS = {"text": TextFormatter, "json": JsonFormatter}


class Written(logging.Handler):
    """Lines in both forms, written where the record is made: there the request is known."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, list[str]] = {"text": [], "json": []}

    def emit(self, record: logging.LogRecord) -> None:
        for form, formatter in FORMATTERS.items():
            self.lines[form].append(formatter().format(record))

    @property
    def objects(self) -> list[Line]:
        return [json.loads(line) for line in self.lines["json"]]


@pytest.fixture
def written() -> Iterator[Written]:
    handler, logger = Written(), logging.getLogger("claimbase")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(level)
    logger.removeHandler(handler)


def a_record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("claimbase", logging.WARNING, "a.py", 1, message, args, None)


def test_a_request_is_one_line_with_the_id_that_its_answer_has(
    milia: TestClient, written: Written
) -> None:
    answer = milia.get("/claims?type=cause&q=gland")

    [line] = written.objects
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["method"], line["route"], line["path"]) == ("GET", "/claims", "/claims")
    assert line["status"] == 200
    assert line["bytes"] == int(answer.headers["content-length"])
    assert line["ms"] > 0
    assert line["account"] is None
    assert answer.headers["x-request-id"] in written.lines["text"][0]


def test_what_was_searched_for_is_not_told(milia: TestClient, written: Written) -> None:
    milia.get("/claims?q=private-matter")

    assert "private-matter" not in str(written.lines)


def test_who_asked_is_told_by_name_and_never_by_key(
    milia: TestClient, milia_sessions: Sessions, written: Written
) -> None:
    key = key_of(milia_sessions, Role.admin, "jane-doe")

    for address in ("/accounts", "/conditions/none", f"/claims/{key}", f"/claims?x={key}"):
        milia.get(address, headers=bearer(key))
    milia.post("/claims", headers=bearer(key), content=b"{")

    assert [line["account"] for line in written.objects] == ["jane-doe"] * 5
    assert key not in str(written.lines)
    assert key[4:20] not in str(written.lines)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer  {}", "Basic {}", "{}"])
def test_a_key_that_is_refused_is_in_no_line(
    milia: TestClient, milia_sessions: Sessions, written: Written, form: str
) -> None:
    key = key_of(milia_sessions, Role.admin)

    milia.get("/accounts", headers={"Authorization": form.format(key[:-1])})

    assert written.objects[0]["status"] == 401
    assert key[:-1] not in str(written.lines)


def test_a_request_that_fails_tells_why_and_no_secret(
    milia_sessions: Sessions, milia_engine: Engine, written: Written
) -> None:
    key = key_of(milia_sessions, Role.admin, "jane-doe")
    secret = key.split("_", 2)[2]

    def fail(*args: Any) -> None:
        if "FROM accounts" in str(args[2]) or "FROM claims" in str(args[2]):
            raise RuntimeError(f"planted: {args[3]!r} Bearer {secret} {key}")

    event.listen(milia_engine, "before_cursor_execute", fail)
    try:
        with TestClient(make_app(milia_sessions)) as client:
            answer = client.get("/accounts", headers=bearer(key))
    finally:
        event.remove(milia_engine, "before_cursor_execute", fail)

    assert answer.status_code == 500
    ids = {line["request_id"] for line in written.objects}
    assert ids == {answer.headers["x-request-id"]}
    assert "planted" in str(written.lines["json"])
    assert "planted" in str(written.lines["text"])
    assert secret not in str(written.lines)
    assert key not in str(written.lines)


def test_a_statement_that_fails_is_told_without_its_values(milia_engine: Engine) -> None:
    assert milia_engine.hide_parameters


@pytest.mark.parametrize(
    "text",
    ["clb_abc", "x clb_abcdefghij_secret y", "Authorization: Bearer s3cr3t", "BEARER s3cr3t"],
)
def test_what_looks_like_a_key_is_hidden(text: str) -> None:
    hidden = without_keys(text)

    assert "[key]" in hidden
    assert "abc" not in hidden
    assert "s3cr3t" not in hidden


def test_no_input_forges_a_line() -> None:
    record = a_record("path %s", "/a\n2026-11-22T00:00:00Z INFO forged\r\x1b[31m\u2028x")

    assert len(TextFormatter().format(record).splitlines()) == 1
    assert "\x1b" not in TextFormatter().format(record)
    assert len(JsonFormatter().format(record).splitlines()) == 1


def test_a_traceback_is_indented_so_that_it_forges_no_line() -> None:
    try:
        raise ValueError("first\n2026-11-22T00:00:00.000Z INFO forged")  # noqa: TRY301 - to be caught
    except ValueError as error:
        record = a_record("failed")
        record.exc_info = (type(error), error, error.__traceback__)

    lines = TextFormatter().format(record).splitlines()

    assert all(line.startswith("    ") for line in lines[1:])
    assert any("forged" in line for line in lines[1:])


def test_a_line_outside_of_a_request_has_no_id() -> None:
    assert request_id.get() == ""
    assert json.loads(JsonFormatter().format(a_record("started")))["request_id"] is None
    assert " [-] started" in TextFormatter().format(a_record("started"))


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_configuration_is_one_that_logging_takes(form: str) -> None:
    configured = logging.config.DictConfigurator(logging_config(form, "info"))

    assert configured.configure_formatter(configured.config["formatters"]["main"])


# The service


def test_a_service_writes_json_lines_for_what_the_cache_did_not_answer(
    milia_engine: Engine,
) -> None:
    url = milia_engine.url.render_as_string(hide_password=False)
    with serving(database_url=url, log_format="json", log_level="info") as server:
        server.wait()
        for _ in range(3):
            server.get("/conditions/milia")
        server.get("/claims/none")
        ended = server.stop()

    lines = [json.loads(line) for line in ended.err.splitlines()]
    told = [(line["path"], line["status"]) for line in lines if line["path"] != "/health/ready"]
    assert ("/claims/none", 404) in told
    assert ("/conditions/milia", 200) in told
    assert all(line["level"] == "info" and line["request_id"] for line in lines)


def test_a_service_is_quiet_unless_told_otherwise(milia_engine: Engine) -> None:
    url = milia_engine.url.render_as_string(hide_password=False)
    with serving(database_url=url) as server:
        server.wait()
        server.get("/claims/none")
        ended = server.stop()

    assert ended.err == ""


def test_a_readable_line_has_its_parts_in_order(milia: TestClient, written: Written) -> None:
    milia.get("/claims/none", headers={"X-Request-ID": "asked-1"})

    pattern = (
        r"[0-9TZ:.-]+ INFO claimbase.access \[asked-1\] GET /claims/none 404 [\d.]+ ms \d+ bytes -"
    )
    assert re.fullmatch(pattern, written.lines["text"][0])
