"""The few pages for people: the index, what a problem means, the documentation."""

from collections.abc import Iterable
from html import escape

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
# Swagger UI writes style attributes and draws its icons from data: addresses.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
DOCS_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Claimbase: API documentation</title>
<link rel="stylesheet" href="/assets/swagger-ui/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/assets/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/assets/docs.js"></script>
</body>
</html>
"""


def page(title: str, lead: str, rows: Iterable[tuple[str, str]], note: str = "") -> str:
    """A plain page: a heading, a sentence, terms with their meaning. Terms may be addresses."""
    listed = "".join(f"<dt>{_term(term)}</dt><dd>{escape(text)}</dd>" for term, text in rows)
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="stylesheet" href="/assets/page.css"></head>'
        f"<body><h1>{escape(title)}</h1><p>{escape(lead)}</p><dl>{listed}</dl>{below}</body></html>"
    )


def _term(term: str) -> str:
    if term.startswith("/"):
        return f'<a href="{escape(term)}"><code>{escape(term)}</code></a>'
    return escape(term)
