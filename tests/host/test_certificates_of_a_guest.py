"""Certificates in a host app: their addresses, and what a host's transaction makes of them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask, Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from progress_api import (
    CertificateNotFound,
    CertificateRepository,
    Chapter,
    Outline,
    OutlineChapter,
    OutlineRepository,
    Progress,
    ProgressAPI,
    ProgressRepository,
)
from progress_api.signals import Signals
from tests.conftest import new_name
from tests.host.conftest import learner_of

PREFIX = "/school/progress"
PUBLIC = "https://learn.example/app"
CHAPTER = Chapter(chapter_id="one", watch_time=60, completed=True, total_chapters=1)


@pytest.mark.parametrize(
    ("public_url", "begins"), [("", f"http://localhost{PREFIX}"), (f"{PUBLIC}/", PUBLIC + PREFIX)]
)
def test_the_address_of_a_certificate_is_below_the_prefix_of_the_mount(
    host: Flask, shared_engine: Engine, public_url: str, begins: str
) -> None:
    # given
    ada = new_name()
    host.config["PROGRESS_PUBLIC_URL"] = public_url
    ProgressAPI(host, engine=shared_engine, learner=lambda: ada, url_prefix=PREFIX)
    learner = learner_of(host, PREFIX, ada)
    learner.complete_chapters(1, of=1)
    learner.complete()
    # when
    own = learner.certificate().body
    # then
    path = f"{PREFIX}/certificates/{own['certificateId']}"
    assert own["url"] == f"{begins}/certificates/{own['certificateId']}"
    client = host.test_client()
    page = client.get(path, headers={"Accept": "text/html"})
    assert own["url"] in page.text
    assert page.headers["Cache-Control"] == "public, max-age=60"
    assert client.get(path.lower()).headers["Location"] == own["certificateId"]
    keys: Any = client.get(f"{PREFIX}/certificates/jwks").json
    assert keys == {"keys": []}


def test_a_host_that_forbids_storing_is_obeyed(host: Flask, shared_engine: Engine) -> None:
    @host.after_request
    def forbid(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    ProgressAPI(host, engine=shared_engine, learner=new_name)

    answer = host.test_client().get("/v1/tutorials/progress/certificates/jwks")

    assert answer.headers["Cache-Control"] == "no-store"


def test_of_16_sessions_that_complete_at_once_one_issues_the_certificate(
    shared_engine: Engine,
) -> None:
    ada, notified, start = new_name(), list[Progress](), Barrier(16)
    ProgressRepository(shared_engine).record_chapter(ada, "intro", CHAPTER)

    def complete(_: int) -> object:
        with Session(shared_engine) as session:
            start.wait()
            repository = ProgressRepository(session, on_certificate_earned=notified.append)
            certificate = repository.complete(ada, "intro").certificate
            session.commit()
            return certificate

    with ThreadPoolExecutor(16) as threads:
        issued = list(threads.map(complete, range(16)))

    assert issued == [CertificateRepository(shared_engine).get(ada, "intro")] * 16
    assert [progress.certificate for progress in notified] == issued[:1]


@pytest.mark.parametrize("commits", [True, False])
def test_what_a_host_undoes_was_never_done_and_is_not_counted(
    shared_engine: Engine, *, commits: bool
) -> None:
    # given
    ada, counted, signals = new_name(), list[str](), Signals()
    names = ("outline_written", "certificate_issued", "certificate_revoked")
    for name in names:
        note = _Note(counted, name)
        getattr(signals, name).connect(note, weak=False)
    outline = Outline(chapters=(OutlineChapter(chapter_id="one"),))
    # when
    with Session(shared_engine) as session:
        OutlineRepository(session, signals=signals).put(ada, outline)
        progress = ProgressRepository(session, signals=signals)
        progress.record_chapter(ada, ada, CHAPTER)
        certificate = progress.complete(ada, ada).certificate
        assert certificate
        certificates = CertificateRepository(session, signals=signals)
        for reason in ("Cheated.", "Not counted: it is revoked already."):
            certificates.revoke(certificate.certificate_id, reason)
        assert counted == []
        if commits:
            session.commit()
    # then
    found = CertificateRepository(shared_engine)
    if commits:
        assert counted == list(names)
        assert found.get(ada, ada).revocation_reason == "Cheated."
    else:
        assert counted == []
        with pytest.raises(CertificateNotFound):
            found.get(ada, ada)


class _Note:
    """Notes the name of a signal that is sent."""

    def __init__(self, counted: list[str], name: str) -> None:
        self._counted, self._name = counted, name

    def __call__(self, _: object, **__: object) -> None:
        self._counted.append(self._name)
