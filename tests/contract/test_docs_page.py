"""``/docs`` works without a network, under a policy that allows what it needs and no more."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.conftest import ROOT

PAGES = ["/docs", "/", "/problems/not-found"]
BROWSER = {"Accept": "text/html"}
OWN_ASSETS = sorted((ROOT / "app" / "static").iterdir())


class Page(HTMLParser):
    """What a browser would load, and what a policy without 'unsafe-inline' would block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attrs:
            if name == "src" or (tag == "link" and name == "href"):
                self.loads.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name.startswith("on") or name == "style":
                self.inline.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self._open in {"script", "style"} and data.strip():
            self.inline.append(f"{self._open} {data[:40]}")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""


def policy_of(client: TestClient, address: str) -> dict[str, set[str]]:
    header = client.get(address, headers=BROWSER).headers["content-security-policy"]
    parts = [part.split() for part in header.split(";")]
    return {name: set(sources) for name, *sources in parts}


@pytest.mark.parametrize("address", PAGES)
def test_everything_that_a_page_loads_comes_from_the_service(
    milia: TestClient,
    address: str,
) -> None:
    page = Page(milia.get(address, headers=BROWSER).text)

    loads = [each for each in page.loads if not each.startswith("data:")]
    assert loads
    for each in loads:
        assert not urlsplit(each).netloc
        assert milia.get(each).status_code == 200, each


@pytest.mark.parametrize("address", PAGES)
def test_a_page_links_only_to_addresses_that_answer(milia: TestClient, address: str) -> None:
    page = Page(milia.get(address, headers=BROWSER).text)

    for link in page.links:
        assert milia.get(link).status_code == 200, link


@pytest.mark.parametrize("address", PAGES)
def test_a_page_has_nothing_inline(milia: TestClient, address: str) -> None:
    assert Page(milia.get(address, headers=BROWSER).text).inline == []


def test_what_the_scripts_of_the_docs_load_is_served(milia: TestClient) -> None:
    script = milia.get("/assets/docs.js").text

    [described] = re.findall(r'url: "([^"]+)"', script)
    assert milia.get(described).json()["openapi"].startswith("3.1")
    assert "validatorUrl: null" in script  # else Swagger UI asks a server elsewhere


@pytest.mark.parametrize("path", OWN_ASSETS, ids=lambda path: path.name)
def test_no_asset_of_ours_names_another_host(milia: TestClient, path: object) -> None:
    name = str(path).rpartition("/")[2]

    text = milia.get(f"/assets/{name}").text

    assert not re.search(r"(?:https?:)?//[\w-]+\.\w+", text)


def test_the_style_sheet_of_swagger_ui_loads_nothing_from_elsewhere(milia: TestClient) -> None:
    text = milia.get("/assets/swagger-ui/swagger-ui.css").text

    targets = re.findall(r"url\(\s*[\"']?([^)\"']{0,60})", text)
    assert all(target.startswith("data:") for target in targets)
    assert "@import" not in text


def test_the_policy_of_the_docs_allows_what_they_need_and_no_more(milia: TestClient) -> None:
    assert policy_of(milia, "/docs") == {
        "default-src": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'", "'unsafe-inline'"},
        "img-src": {"'self'", "data:"},
        "connect-src": {"'self'"},
        "frame-ancestors": {"'none'"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
    }


@pytest.mark.parametrize("address", ["/", "/problems/not-found"])
def test_the_policy_of_a_plain_page_allows_its_style_sheet_alone(
    milia: TestClient,
    address: str,
) -> None:
    assert policy_of(milia, address) == {
        "default-src": {"'none'"},
        "style-src": {"'self'"},
        "frame-ancestors": {"'none'"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
    }


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("/assets/docs.js", "text/javascript; charset=utf-8"),
        ("/assets/swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("/assets/swagger-ui/swagger-ui.css", "text/css; charset=utf-8"),
        ("/assets/page.css", "text/css; charset=utf-8"),
    ],
)
def test_an_asset_has_the_type_that_nosniff_demands(
    milia: TestClient,
    address: str,
    kind: str,
) -> None:
    answer = milia.get(address)

    assert answer.headers["content-type"] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"
