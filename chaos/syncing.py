"""Devices that were offline: they send what they kept as events of several tutorials at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chaos.client import Client, Request, Write

_TUTORIALS, _EVENTS_OF_A_TUTORIAL = 3, 10
_BATCHES_OF_A_TUTORIAL = 3
_OFFLINE_SECONDS = 86_400
_SHARE_OF_BATCHES = 0.02


class SyncingClient(Client):
    """A device that sends batches of events, chapters and quizzes of the same tutorials."""

    def next_request(self) -> Request:
        """Return the next batch."""
        first = self.posts // (_BATCHES_OF_A_TUTORIAL * _TUTORIALS * _EVENTS_OF_A_TUTORIAL)
        names = [f"tutorial-{first}-{number}" for number in range(_TUTORIALS)]
        made = [made for name in names for made in self._events(name)]
        self.chance.shuffle(made)
        writes, events = zip(*made, strict=True)
        return Request("", writes, {"events": events})

    def check(self, request: Request, body: Any) -> None:
        """Note an event that is not recorded, and a contradiction in the progress."""
        self.contradictions += [
            f"{self.learner}: {result}"
            for result in body["results"]
            if result["status"] != "recorded"
        ]
        for progress in body["progress"]:
            tutorial = progress["tutorialId"]
            of_tutorial = [write for write in request.writes if write.tutorial == tutorial]
            self.check_progress(progress, of_tutorial)

    def _events(self, tutorial: str) -> Iterator[tuple[Write, dict[str, object]]]:
        for _ in range(_EVENTS_OF_A_TUTORIAL):
            self.posts += 1
            is_quiz = self.chance.random() < 0.2
            write, body = self.a_quiz(tutorial) if is_quiz else self.a_chapter(tutorial)
            earlier = timedelta(seconds=self.chance.randrange(_OFFLINE_SECONDS))
            mark = {
                "id": f"event-{self.posts}-{self.number}",
                "type": write.kind,
                "tutorialId": tutorial,
                "at": (datetime.now(UTC) - earlier).isoformat(),
            }
            yield write, mark | body


class EagerClient(SyncingClient):
    """A device that sends all kinds of requests, with nearly no pause."""

    pause = (0.0, 0.02)

    def next_request(self) -> Request:
        """Return a request of any kind, now and then a batch of events."""
        is_batch = self.chance.random() < _SHARE_OF_BATCHES
        return super().next_request() if is_batch else Client.next_request(self)

    def check(self, request: Request, body: Any) -> None:
        """Note what contradicts the request."""
        is_batch = bool(request.body and "events" in request.body)
        (super().check if is_batch else partial(Client.check, self))(request, body)
