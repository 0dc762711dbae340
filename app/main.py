"""Builds the application: settings in, wired FastAPI app out. No logic lives here."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import Depends, FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

from app.bulk import look_less_for_garbage
from app.config import Settings, get_settings
from app.db import Sessions, make_engine, make_memory_engine, make_sessions
from app.deps import authorise
from app.freshness import NeverFresh, PostgresqlFreshness, freshness_of
from app.metrics import Metrics
from app.middleware.direct_reads import DirectRead, DirectReadsMiddleware
from app.middleware.faults import FaultsMiddleware
from app.middleware.methods import MethodsMiddleware
from app.middleware.metrics import MetricsMiddleware
from app.middleware.rate_limits import RateLimitsMiddleware
from app.middleware.replicas import ReplicasMiddleware
from app.middleware.representations import RepresentationsMiddleware
from app.middleware.response_cache import ResponseCacheMiddleware
from app.middleware.surroundings import SurroundingsMiddleware
from app.middleware.uploads import UploadsMiddleware
from app.openapi import install_openapi, operation_id
from app.parameters import refuse_unknown_parameters
from app.past_bases import PastBases
from app.problems import install_problem_handlers
from app.rate_limits import RateLimits
from app.replicas import Reads, Replica
from app.routers import (
    accounts,
    changes,
    claim_edits,
    claims,
    concept_edits,
    concepts,
    condition_edits,
    conditions,
    conflicts,
    decisions,
    document_edits,
    documents,
    exports,
    imports,
    proposals,
    queue,
    system,
    vocabulary,
)
from app.schemas.shared import AsOf, FormattedExclusions
from app.startup import refuse_foreign_base
from app.streams import Streams
from app.turns import Turns, take_turn
from app.version import VERSION
from app.vocabulary import load_vocabulary
from app.writes import install_replays

ROUTERS = (
    system,
    conditions,
    exports,
    imports,
    claims,
    conflicts,
    documents,
    concepts,
    vocabulary,
    changes,
    accounts,
    claim_edits,
    decisions,
    document_edits,
    concept_edits,
    condition_edits,
    proposals,
    queue,
)
DIRECT_PAGE = DirectRead(
    "/conditions/{slug}",
    r"/conditions/(?P<slug>[a-z0-9-]{1,200})",
    conditions.read_condition,
    default=FormattedExclusions(),
)
DIRECT_READS = (
    DirectRead(
        "/claims/{claim_id}",
        r"/claims/(?P<claim_id>CLM[1-9][0-9]{0,17})",
        claims.read_claim,
        default=AsOf(),
    ),
    DirectRead("/claims", r"/claims", claims.read_claims, claims.ASKED.read),
    DIRECT_PAGE,
)
SWAGGER_ASSETS = Path(fastapi_offline.__file__).parent / "static"
OWN_ASSETS = Path(__file__).parent / "static"
# Of exports; the middleware knows the others.
UNUSUAL_TYPES = ("text/csv", "application/x-ndjson", "application/jsonl")
EXPOSED = (
    "Claimbase-Change",
    "Claimbase-Total",
    "Content-Disposition",
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "X-Request-ID",
    "RateLimit",
    "RateLimit-Policy",
)

CORS: Mapping[str, Any] = {
    "allow_origins": ["*"],
    "allow_methods": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": [
        "Accept",
        "Authorization",
        "Claimbase-Change",
        "Content-Type",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Last-Event-ID",
        "X-Request-ID",
    ],
    "expose_headers": list(EXPOSED),
    "max_age": 86_400,
}
# Most of them wait for the one that writes.
WRITES_AT_ONCE = 8


class Application(FastAPI):
    """``front`` stands before the framework, whose own beginning takes as long as a kept answer."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None, *, sessions: Sessions | None = None) -> FastAPI:
    settings = settings or get_settings()
    app = Application(
        title="Claimbase",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # served by a route of our own, with a tag
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        dependencies=[
            Depends(authorise),
            Depends(refuse_unknown_parameters),
            Depends(take_turn, scope="function"),
        ],
        lifespan=_check_base,
    )
    app.state.settings = settings
    app.state.vocabulary = load_vocabulary()
    app.state.sessions = sessions or make_sessions(make_engine(settings.database_url))
    app.state.past_bases = PastBases(make_memory_engine())
    app.state.streams = Streams(settings.max_streams)
    app.state.turns = Turns(
        light=settings.light_reads, heavy=settings.heavy_reads, writes=WRITES_AT_ONCE
    )
    limits = RateLimits(anonymous=settings.rate_limit, account=settings.rate_limit_key)
    app.state.rate_limits = limits
    # Of sessions that are handed in nothing is known, and nothing is kept.
    is_own = sessions is None and settings.cache_bytes > 0
    app.state.freshness = freshness_of(settings.database_url) if is_own else NeverFresh()
    app.state.reads = Reads(app.state.sessions)
    if sessions is None and settings.replica_url is not None:
        app.state.freshness = PostgresqlFreshness(settings.database_url)
        replica = Replica(settings.replica_url, max_lag=settings.replica_max_lag)
        app.state.reads = Reads(app.state.sessions, replica, app.state.freshness)
    app.state.metrics = Metrics(app.state.sessions, app.state.reads)
    # What the policy reserves and a setting opens to everybody.
    app.state.opened = frozenset({"read_metrics"} if settings.metrics_public else ())
    install_problem_handlers(app)
    install_replays(app)
    install_openapi(app)
    for module in ROUTERS:
        app.include_router(module.router)
    app.mount("/assets/swagger-ui", StaticFiles(directory=SWAGGER_ASSETS), name="swagger-ui")
    app.mount("/assets", StaticFiles(directory=OWN_ASSETS), name="assets")
    # The last one added is the outermost.
    app.add_middleware(DirectReadsMiddleware, reads=DIRECT_READS)
    if settings.replica_url is not None:
        app.add_middleware(ReplicasMiddleware)
    app.add_middleware(MethodsMiddleware, routes=app.routes)
    for media_type in UNUSUAL_TYPES:
        add_compress_type(media_type)
    app.add_middleware(CompressMiddleware)
    app.add_middleware(RepresentationsMiddleware)
    app.add_middleware(
        UploadsMiddleware,
        max_import_size=settings.max_import_bytes,
        max_text_size=settings.max_text_bytes,
    )
    # FastAPI's own limit would stand outside of all that makes its 413 a problem.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.max_body_bytes)
    app.add_middleware(FaultsMiddleware)
    app.add_middleware(CORSMiddleware, **CORS)
    app.add_middleware(MetricsMiddleware, metrics=app.state.metrics)
    app.add_middleware(SurroundingsMiddleware)
    app.front = ResponseCacheMiddleware(
        app.answer,
        freshness=app.state.freshness,
        max_bytes=settings.cache_bytes,
        counts=app.state.metrics.cache,
        is_page=DIRECT_PAGE.is_at,
    )
    if limits.are_on:
        app.front = RateLimitsMiddleware(app.front, limits=limits, cors=CORS)
    return app


def create_service() -> FastAPI:
    """The application of a process that does nothing else."""
    app = create_app()
    app.openapi()
    look_less_for_garbage()
    return app


@asynccontextmanager
async def _check_base(app: FastAPI) -> AsyncIterator[None]:
    with app.state.reads.open() as read:
        refuse_foreign_base(read.session, app.state.vocabulary)
    app.openapi()  # made now, not by the first request that needs it
    app.state.freshness.start()
    yield
    app.state.freshness.stop()
