"""Django Ninja over a base: an unmanaged model, a sync view, a list of a schema.

CLAIMBASE_BENCH_FILE names the file. In .venv-bench, on the SQLite that Claimbase has.
"""

import os
import sys
from typing import Any

try:
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3
except ImportError:  # no wheel for this platform: both sides have the one of Python
    pass

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["CLAIMBASE_BENCH_FILE"],
            "CONN_MAX_AGE": None,
        },
    },
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    MIDDLEWARE=[],
    INSTALLED_APPS=[],
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402 - after its settings
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from ninja import NinjaAPI, Schema  # noqa: E402


class Claim(models.Model):  # type: ignore[misc] # noqa: DJ008 - it has no types; nobody shows it
    id = models.BigAutoField(primary_key=True)
    key = models.TextField()
    version = models.IntegerField()
    status = models.TextField()
    type = models.TextField()
    question = models.TextField()
    statement = models.TextField()
    words = models.TextField(null=True)  # noqa: DJ001 - as the table has it
    polarity = models.TextField()
    conflict = models.BooleanField()
    severity = models.TextField()
    passage_count = models.IntegerField()
    document_count = models.IntegerField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "claims"


class ClaimOut(Schema):  # type: ignore[misc] # it has no types
    id: int
    key: str
    version: int
    status: str
    type: str
    question: str
    statement: str
    words: str | None
    polarity: str
    conflict: bool
    severity: str
    passage_count: int
    document_count: int


api = NinjaAPI()


@api.get("/claims", response=list[ClaimOut])  # type: ignore[untyped-decorator] # no types
def list_claims(request: Any, type: str, conflict: bool, limit: int = 50) -> Any:  # noqa: A002, ARG001 - names of the request
    found = Claim.objects.filter(status="published", type=type, conflict=conflict)
    return found.order_by("id")[:limit]


urlpatterns = [path("", api.urls)]
app = get_asgi_application()
