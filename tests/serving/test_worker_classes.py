"""The service is served by gunicorn's other workers too, which an operator chooses with `-k`."""

from pathlib import Path

import pytest

from embedded.valkey import Valkey
from progress_api.cli import server_command
from tests.serving.service import Service


@pytest.mark.parametrize("threads", [1, 8])
def test_each_endpoint_answers_with_synchronous_workers(
    tmp_path: Path, shared_database: str, valkey: Valkey, threads: int
) -> None:
    service = Service(
        tmp_path,
        DATABASE_URL=shared_database,
        RATELIMIT_STORAGE_URI=valkey.url,
        WEB_CONCURRENCY=1,
        WEB_THREADS=threads,
    )
    service.command = (*server_command(), "-k", "sync")
    service.fewest_threads = 1
    with service:
        learner = service.learner()
        answers = [
            learner.watch(completed=True, totalChapters=1),
            learner.answer_quiz(),
            learner.complete(),
            learner.get(),
            learner.reset(),
        ]

    assert [answer.status for answer in answers] == [200] * 5
