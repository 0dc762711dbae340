"""Answers to reads: bytes, entity tag, cache headers and links, the same for every route."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from app.config import Settings
from app.json_parts import Json, object_pieces, with_members, written
from app.queries.pages import Page, PageAt
from app.queries.past_reading import Reading
from app.queries.stamps import OF_CONDITION
from app.schemas.shared import PageIn
from app.version import VERSION

DISCLAIMER = (
    "Claimbase records who says what, word for word, and which statements cannot stand "
    "together. It does not decide who is right, and nothing in it is medical advice."
)
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
DIGEST_LENGTH = 20
JSON = "application/json"
CURSOR = frozenset({"cursor"})
LONGEST_REMEMBERED = 500  # bytes of a query


def answer(
    request: Request,
    body: Any,
    *,
    version: str | None = None,
    links: Mapping[str, str] | None = None,
    alternates: Sequence[tuple[str, str]] = (),
    more_headers: Mapping[str, str] | None = None,
) -> Response:
    """A public, revalidated answer. ``version`` (``CLM42.3``) leads the entity tag.

    ``links`` are added to ``self`` and ``license`` in the Link header, and so are
    ``alternates``, each a media type and an address.
    """
    content = b"".join(object_pieces(body)) if isinstance(body, dict) else written(body)
    if request.method == "POST":
        headers = {"Cache-Control": "no-store"}
    else:
        headers = _headers(request, tag_of(content, version), links or {}, alternates)
    headers |= more_headers or {}
    return Response(content, headers=headers, media_type=JSON)


def answer_record(
    request: Request,
    record: dict[str, Any] | Json,
    reading: Reading,
    *,
    version: str | None = None,
    alternates: Sequence[tuple[str, str]] = (),
) -> Response:
    """Something as it stands or stood: ``as_of`` tells the moment of the past."""
    when = {"as_of": reading.as_of}
    return answer(
        request,
        with_members(record, when) if isinstance(record, Json) else record | when,
        version=version,
        alternates=alternates,
        more_headers=reading.headers,
    )


def answer_html(request: Request, html: str, *, policy: str) -> Response:
    """A page for people, revalidated like any other answer. ``policy`` is its CSP."""
    content = html.encode()
    headers = _headers(request, tag_of(content), {}) | {"Content-Security-Policy": policy}
    return Response(content, headers=headers, media_type="text/html")


def answer_stream(
    request: Request,
    pieces: Iterator[bytes],
    *,
    media_type: str,
    depends_on: Sequence[str],
    headers: Mapping[str, str],
) -> Response:
    """A public answer that is sent while it is written, in constant memory.

    Its entity tag is that of what the bytes depend on: ``depends_on`` and the release.
    """
    tag = tag_of(json.dumps([VERSION, media_type, *depends_on]).encode())
    is_wanted = request.scope.get("claimbase.body_is_wanted", lambda: True)
    return StreamingResponse(
        _while(is_wanted, pieces),
        headers={**_headers(request, tag, {}), **headers},
        media_type=media_type,
    )


def _while(is_wanted: Callable[[], bool], pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Nothing is written for nobody: after HEAD, or a 304."""
    for piece in pieces:
        yield piece
        if not is_wanted():
            return


def tag_of(content: bytes, version: str | None = None) -> str:
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
    return f"{version}-{digest}" if version else digest


def _headers(
    request: Request,
    tag: str,
    links: Mapping[str, str],
    alternates: Sequence[tuple[str, str]] = (),
) -> dict[str, str]:
    return {
        "ETag": f'"{tag}"',
        **_caching(request),
        "Vary": "Accept, Authorization",
        "Link": _link_header({"self": own_address(request), **links}, alternates),
    }


def page_at(query: PageIn) -> PageAt:
    return PageAt(query.limit, query.cursor)


def answer_page(
    request: Request,
    page: Page,
    *,
    more: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    alternates: Sequence[tuple[str, str]] = (),
    reading: Reading | None = None,
) -> Response:
    """A list in its envelope; the next page stands in ``page.next`` and in ``Link``.

    A list that was asked for by a body has no such address, only the cursor. ``more`` are
    further parts of the envelope, ``meta`` of its ``meta``. ``reading`` tells the moment.
    """
    next_address = None
    if page.next_cursor and request.method != "POST":
        kept = query_without(request, CURSOR)
        cursor = urlencode({"cursor": page.next_cursor})
        next_address = f"{_path(request)}?{kept}{cursor}"
    body: dict[str, Any] = {
        "data": page.data,
        "page": {"limit": page.limit, "next_cursor": page.next_cursor, "next": next_address},
        "meta": {
            "total": page.total.number,
            "total_is_exact": page.total.is_exact,
            "applied": page.applied,
            "as_of": reading.as_of if reading else None,
            **(meta or {}),
        },
    }
    body |= more or {}
    links = {"next": next_address} if next_address else None
    headers = reading.headers if reading else None
    return answer(request, body, links=links, alternates=alternates, more_headers=headers)


def redirect(request: Request, path: str) -> Response:
    """308 to ``path`` with the query kept."""
    query = _query(request)
    return RedirectResponse(path + query, status_code=308, headers=_caching(request))


def _caching(request: Request) -> dict[str, str]:
    """What was answered to a key is nobody else's."""
    if getattr(request.state, "actor", None) is not None:
        return {"Cache-Control": "private, no-store"}
    settings: Settings = request.app.state.settings
    headers = {"Cache-Control": cache_control(settings)}
    if settings.shared_max_age is not None:
        slug = request.scope.get(OF_CONDITION)
        # Who obeys RFC 9213 takes this for the other, whose ``no-cache`` is for browsers.
        headers["CDN-Cache-Control"] = f"public, max-age={settings.shared_max_age}"
        headers["Surrogate-Key"] = f"claimbase {f'condition-{slug}' if slug else 'others'}"
    return headers


def cache_control(settings: Settings) -> str:
    """Always revalidated: a 304 is cheap, and a retracted claim must not linger."""
    shared = settings.shared_max_age
    return "public, no-cache" if shared is None else f"public, no-cache, s-maxage={shared}"


def own_address(request: Request) -> str:
    return f"{_path(request)}{_query(request)}"


def query_without(request: Request, left_out: frozenset[str]) -> str:
    """The query without these parameters, with a ``&`` at its end if there is any of it."""
    sent: bytes = request.scope["query_string"]
    written = _written_anew if len(sent) <= LONGEST_REMEMBERED else _written_anew.__wrapped__
    return written(sent, left_out)


@lru_cache(maxsize=1_000)
def _written_anew(query: bytes, left_out: frozenset[str]) -> str:
    sent = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    kept = [(name, value) for name, value in sent if name not in left_out]
    return f"{urlencode(kept)}&" if kept else ""


def _path(request: Request) -> str:
    return quote(request.scope["path"])


def _query(request: Request) -> str:
    """The query with its ``?``, as it was sent; what has no place in an address is escaped."""
    sent = quote(request.scope["query_string"], safe="%&=+,;:/?@!$'()*[]~")
    return f"?{sent}" if sent else ""


def _link_header(links: Mapping[str, str], alternates: Sequence[tuple[str, str]]) -> str:
    named = {**links, "license": LICENCE_URL}
    written = [f'<{target}>; rel="{relation}"' for relation, target in named.items()]
    written += [f'<{target}>; rel="alternate"; type="{kind}"' for kind, target in alternates]
    return ", ".join(written)
