"""The list and the events in a host's app, beside the host's own code."""

from flask import Flask

from progress_api import Chapter, Event, ProgressAPI
from tests.client import Learner
from tests.conftest import new_name
from tests.events import NOON, chapter, recorded
from tests.host.conftest import learner_of, with_database


def test_a_guest_lists_tutorials_and_records_events(guest: Learner) -> None:
    (progress,) = recorded(guest.post_events(chapter(1, of="algebra")))

    (item,) = guest.tutorials().body["items"]
    assert (item["tutorialId"], item["userId"]) == ("algebra", guest.name)
    assert item["lastWatchedAt"] == progress["lastWatchedAt"]


def test_a_guest_has_them_below_its_own_prefix_with_its_own_learner(
    host: Flask, shared_database: str
) -> None:
    with_database(host, shared_database)
    ada = new_name()
    ProgressAPI(host, url_prefix="/learn/progress", learner=lambda: ada)
    learner = learner_of(host, "/learn/progress")

    recorded(learner.post_events(chapter(1)))

    assert [item["userId"] for item in learner.tutorials().body["items"]] == [ada]


def test_a_host_records_events_in_its_own_transaction(host: Flask, shared_database: str) -> None:
    # given
    database = with_database(host, shared_database)
    ada = new_name()
    api = ProgressAPI(host, learner=lambda: ada)
    watched = Chapter(chapter_id="one", watch_time=60)
    event = Event(id="1", tutorial_id="intro", at=NOON, record=watched)
    with host.app_context():
        for end, count in ((database.session.rollback, 0), (database.session.commit, 1)):
            # when
            api.repository(database.session).record_events(ada, [event])
            end()
            # then
            assert len(api.repository().list(ada).items) == count
        database.session.remove()
    assert len(learner_of(host).tutorials().body["items"]) == 1
