"""The page to try the service on, as far as no browser is needed; `make test-browser` opens it."""

import sys

import pytest

from progress_api import Settings
from progress_api.exceptions import SettingsError
from tests.client import SECRET, InProcess
from tests.conftest import MakeApp

ASSETS = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "try.js", "page.css"]


def test_there_is_no_page_unless_it_is_wanted(make_app: MakeApp) -> None:
    transport = InProcess(make_app())
    for path in ("/docs", "/docs/try.js"):
        assert transport.send("GET", path, {}, None).status == 404


def test_the_page_and_its_assets_forbid_everything_of_elsewhere(make_app: MakeApp) -> None:
    client = make_app(docs_enabled=True).test_client()

    policies = set()
    for path in ("/docs", *(f"/docs/{name}" for name in ASSETS)):
        with client.get(path) as answer:
            assert answer.status_code == 200
            policies.add(answer.headers["Content-Security-Policy"])

    assert len(policies) == 1
    policy = policies.pop()
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert 'src="http' not in client.get("/docs").text


def test_the_page_reads_the_document_of_the_prefix(make_app: MakeApp) -> None:
    client = make_app(docs_enabled=True, url_prefix="/api/progress").test_client()

    assert '<link rel="service-desc" href="api/progress/openapi.json">' in client.get("/docs").text


def test_the_address_alone_leads_to_the_page(make_app: MakeApp) -> None:
    client = make_app(docs_enabled=True).test_client()

    redirect = client.get("/")

    assert (redirect.status_code, redirect.headers["Location"]) == (302, "docs")
    page = client.get("/", follow_redirects=True).text
    for source in ("login server", "make token SUB=alice", "progress-api token alice"):
        assert source in page


@pytest.mark.parametrize("name", ["index.html", "..%2Fpages.py", "pages.py", "swagger-ui.js"])
def test_nothing_but_the_assets_is_served(make_app: MakeApp, name: str) -> None:
    transport = InProcess(make_app(docs_enabled=True))
    assert transport.send("GET", f"/docs/{name}", {}, None).status == 404


def test_without_swagger_ui_the_page_is_refused_in_a_sentence(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "DOCS_ENABLED needs Swagger UI: install progress-api[docs]."
    monkeypatch.setitem(sys.modules, "flask_swagger_ui", None)
    make_app()
    with pytest.raises(SettingsError) as refused:
        make_app(docs_enabled=True)
    assert str(refused.value) == told
    # ... and printed once, by gunicorn's master, not by each of its workers.
    given = {"DATABASE_URL": "postgresql://nowhere/", "JWT_SECRET_KEY": SECRET}
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(given | {"DOCS_ENABLED": "true"})
    assert str(refused.value) == told
