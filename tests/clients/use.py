"""Checked against the client that openapi-python-client makes of docs/openapi.json."""

from uuid import uuid4

from progress_client import AuthenticatedClient
from progress_client.api.progress import record_quiz
from progress_client.models import Error, Progress, QuizPost


def answer_quiz(base_url: str, token: str) -> list[tuple[str, int]]:
    """Post an attempt, and return each quiz with its best score."""
    client = AuthenticatedClient(base_url=base_url, token=token)
    attempt = QuizPost(quiz_id="final", score=8, max_score=10, passed=True)
    response = record_quiz.sync(
        "python-basics", client=client, body=attempt, idempotency_key=str(uuid4())
    )
    if isinstance(response, Progress):
        return [(quiz.quiz_id, quiz.score) for quiz in response.quiz_scores]
    raise RuntimeError(response.detail if isinstance(response, Error) else "no answer")
