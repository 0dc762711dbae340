"""Log lines, readable or as JSON, each with the id of the request that it is about.

Nothing that has the form of a key is ever written, wherever in a line it stands.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# Of the request that is being answered; set by app.middleware.metrics.
request_id: ContextVar[str] = ContextVar("request_id", default="")
access = logging.getLogger("claimbase.access")

# Wider than the form of a key, so that a cut or mistyped one is hidden as well.
_KEY = re.compile(r"clb_[A-Za-z0-9_-]+|(?<=bearer )\S+", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def without_keys(text: str) -> str:
    return _KEY.sub("[key]", text)


class _Formatter(logging.Formatter):
    def at(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def traceback(self, record: logging.LogRecord) -> str:
        text = self.formatException(record.exc_info) if record.exc_info else ""
        return without_keys(text)


class TextFormatter(_Formatter):
    """One line a record, and the traceback indented, so that no input can forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        message = _CONTROLS.sub(_escaped, without_keys(record.getMessage()))
        id_ = request_id.get() or "-"
        line = f"{self.at(record)} {record.levelname} {record.name} [{id_}] {message}"
        lines = self.traceback(record).splitlines()
        return "\n".join([line, *(f"    {_CONTROLS.sub(_escaped, each)}" for each in lines)])


class JsonFormatter(_Formatter):
    """One object a line. An access line has its parts as fields."""

    def format(self, record: logging.LogRecord) -> str:
        body: dict[str, Any] = {
            "at": self.at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": request_id.get() or None,
            "message": without_keys(record.getMessage()),
        }
        for name, value in getattr(record, "fields", {}).items():
            body[name] = without_keys(value) if isinstance(value, str) else value
        if record.exc_info:
            body["traceback"] = self.traceback(record)
        return json.dumps(body)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def log_access(
    *,
    method: str,
    route: str,
    path: str,
    status: int,
    seconds: float,
    size: int,
    account: str | None,
) -> None:
    """A request that was answered. Of the query nothing is told: it may hold what is private."""
    fields = {
        "method": method,
        "route": route,
        "path": (path := without_keys(path)),
        "status": status,
        "ms": round(seconds * 1000, 2),
        "bytes": size,
        "account": account,
    }
    words = (method, path, status, fields["ms"], size, account or "-")
    access.info("%s %s %s %s ms %s bytes %s", *words, extra={"fields": fields})


def logging_config(form: str, level: str) -> dict[str, Any]:
    """For ``logging.config.dictConfig``: everything to stderr in one form.

    ``level`` is that of our own lines; of others only warnings are told.
    """
    formatters = {"text": "app.logs.TextFormatter", "json": "app.logs.JsonFormatter"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"main": {"()": formatters[form]}},
        "handlers": {
            "main": {
                "class": "logging.StreamHandler",
                "formatter": "main",
                "stream": "ext://sys.stderr",
            },
        },
        "loggers": {"claimbase": {"level": level.upper()}},
        "root": {"handlers": ["main"], "level": "WARNING"},
    }
