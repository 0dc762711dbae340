"""Answers to reads: bytes, entity tag, cache headers and links, the same for every route."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from pydantic_core import to_json
from starlette.responses import RedirectResponse, Response

from app.config import Settings
from app.queries.pages import Page, PageAt
from app.schemas.shared import PageIn

DISCLAIMER = (
    "Claimbase records who says what, word for word, and which statements cannot stand "
    "together. It does not decide who is right, and nothing in it is medical advice."
)
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
DIGEST_LENGTH = 20
JSON = "application/json"


def answer(
    request: Request,
    body: Any,
    *,
    version: str | None = None,
    links: Mapping[str, str] | None = None,
) -> Response:
    """A public, revalidated answer. ``version`` (``CLM42.3``) leads the entity tag.

    ``links`` are added to ``self``, ``alternate`` and ``license`` in the Link header.
    """
    content = to_json(body)
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
    tag = f"{version}-{digest}" if version else digest
    if request.method == "POST":
        return Response(content, headers={"Cache-Control": "no-store"}, media_type=JSON)
    headers = {
        "ETag": f'"{tag}"',
        "Cache-Control": cache_control(request.app.state.settings),
        "Vary": "Accept",
        "Link": _link_header({"self": own_address(request), **(links or {})}),
    }
    return Response(content, headers=headers, media_type=JSON)


def page_at(query: PageIn) -> PageAt:
    return PageAt(query.limit, query.cursor)


def answer_page(
    request: Request,
    page: Page,
    *,
    more: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Response:
    """A list in its envelope; the next page stands in ``page.next`` and in ``Link``.

    A list that was asked for by a body has no such address, only the cursor. ``more`` are
    further parts of the envelope, ``meta`` of its ``meta``.
    """
    next_address = None
    if page.next_cursor and request.method != "POST":
        kept = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        next_address = f"{request.url.path}?{urlencode([*kept, ('cursor', page.next_cursor)])}"
    body: dict[str, Any] = {
        "data": page.data,
        "page": {"limit": page.limit, "next_cursor": page.next_cursor, "next": next_address},
        "meta": {
            "total": page.total,
            "total_is_exact": page.total is not None,
            "applied": page.applied,
            **(meta or {}),
        },
    }
    body |= more or {}
    return answer(request, body, links={"next": next_address} if next_address else None)


def redirect(request: Request, path: str) -> Response:
    """308 to ``path`` with the query kept."""
    query = f"?{request.url.query}" if request.url.query else ""
    headers = {"Cache-Control": cache_control(request.app.state.settings)}
    return RedirectResponse(path + query, status_code=308, headers=headers)


def cache_control(settings: Settings) -> str:
    """Always revalidated: a 304 is cheap, and a retracted claim must not linger."""
    shared = settings.shared_max_age
    return "public, no-cache" if shared is None else f"public, no-cache, s-maxage={shared}"


def own_address(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def _link_header(links: Mapping[str, str]) -> str:
    named = {**links, "license": LICENCE_URL}
    return ", ".join(f'<{target}>; rel="{relation}"' for relation, target in named.items())
