"""The rival that the service is compared with: the guide's example code on FastAPI and asyncpg.

It has the two endpoints that are measured. Every query is the guide's, and each runs in its own
transaction. `full` has the guide's rate limits and metrics; `lean` has neither.
"""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import jwt
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from prometheus_client import Counter, Histogram

Json = dict[str, Any]
CallNext = Callable[[Request], Awaitable[Response]]

_PATH = "/v1/tutorials/progress/{tutorial_id}"
_MIN_CONNECTIONS, _MAX_CONNECTIONS = 8, 16
# The guide's limits times a million, so that they are never reached.
_LIMITS = {"GET": parse("60000000/minute"), "POST": parse("30000000/minute")}
_request_count = Counter("api_requests_total", "Total API requests", ["endpoint", "status"])
_request_duration = Histogram("api_request_duration_seconds", "Request duration", ["endpoint"])
_routes = APIRouter()


def full() -> FastAPI:
    """Return the app with rate limits and metrics."""
    app = lean()
    limiter = FixedWindowRateLimiter(MemoryStorage())

    @app.middleware("http")
    async def authenticate_user(request: Request, call_next: CallNext) -> Response:
        try:
            request.state.user_id = _user_id_from(request)
        except HTTPException as error:
            return JSONResponse({"error": error.detail}, error.status_code)
        limit = _LIMITS[request.method]
        if not await limiter.hit(limit, request.state.user_id, request.method):
            return JSONResponse({"error": "Too many requests"}, 429)
        return await call_next(request)

    @app.middleware("http")
    async def track_metrics(request: Request, call_next: CallNext) -> Response:
        start = time.time()
        response = await call_next(request)
        endpoint = request.url.path
        _request_count.labels(endpoint=endpoint, status=response.status_code).inc()
        _request_duration.labels(endpoint=endpoint).observe(time.time() - start)
        return response

    return app


def lean() -> FastAPI:
    """Return the app in its fastest form, without rate limits and metrics."""
    app = FastAPI(lifespan=_with_pool)
    app.include_router(_routes)
    return app


@asynccontextmanager
async def _with_pool(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=_MIN_CONNECTIONS, max_size=_MAX_CONNECTIONS
    )
    yield
    await app.state.pool.close()


def _user_id_from(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise HTTPException(401, "Missing token")
    try:
        claims = jwt.decode(token, os.environ["JWT_SECRET_KEY"], algorithms=["HS256"])
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error)) from error
    return str(claims["sub"])


def _pool_and_user_id(request: Request) -> tuple[Any, str]:
    user_id = getattr(request.state, "user_id", None) or _user_id_from(request)
    return request.app.state.pool, user_id


@_routes.get(_PATH, response_model=None)
async def get(tutorial_id: str, request: Request) -> Json:
    """Return the progress."""
    pool, user_id = _pool_and_user_id(request)
    return await _progress(pool, tutorial_id, user_id)


@_routes.post(_PATH + "/chapter", response_model=None)
async def chapter(tutorial_id: str, data: Json, request: Request) -> Json:
    """Record a chapter, and return the progress."""
    pool, user_id = _pool_and_user_id(request)
    watch_time, completed = data["watchTime"], data.get("completed", False)
    progress = await pool.fetchrow(
        """INSERT INTO tutorial_progress (tutorial_id, user_id, total_chapters)
        VALUES ($1, $2, $3)
        ON CONFLICT (tutorial_id, user_id) DO UPDATE SET
            total_chapters = GREATEST(tutorial_progress.total_chapters, $3), updated_at = NOW()
        RETURNING *""",
        *(tutorial_id, user_id, data.get("totalChapters") or 0),
    )
    await pool.execute(
        """INSERT INTO chapter_progress
            (progress_id, chapter_id, watch_time, completed, last_position)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (progress_id, chapter_id) DO UPDATE SET
            watch_time = GREATEST(chapter_progress.watch_time, $3), completed = $4,
            last_position = $5, updated_at = NOW()""",
        *(progress["id"], data["chapterId"], watch_time, completed),
        data.get("lastPosition", watch_time),
    )
    stats = await pool.fetchrow(
        """SELECT COUNT(*) FILTER (WHERE completed = true) as completed_count,
            SUM(watch_time) as total_watch_time
        FROM chapter_progress WHERE progress_id = $1""",
        progress["id"],
    )
    percentage = 0
    if progress["total_chapters"] > 0:
        share = stats["completed_count"] / progress["total_chapters"]
        percentage = min(100, int(share * 100))
    quizzes = await pool.fetchrow(
        """SELECT CASE WHEN COUNT(*) = 0 THEN true
            WHEN COUNT(*) = COUNT(*) FILTER (WHERE passed = true) THEN true
            ELSE false END as all_passed
        FROM quiz_scores WHERE progress_id = $1""",
        progress["id"],
    )
    await pool.execute(
        """UPDATE tutorial_progress SET chapters_completed = $1, total_watch_time = $2,
            completion_percentage = $3, certificate_eligible = $4, last_watched_at = NOW(),
            updated_at = NOW() WHERE id = $5""",
        *(stats["completed_count"], stats["total_watch_time"], percentage),
        *(percentage >= 95 and quizzes["all_passed"], progress["id"]),
    )
    return await _progress(pool, tutorial_id, user_id)


async def _progress(pool: Any, tutorial_id: str, user_id: str) -> Json:
    progress = await pool.fetchrow(
        "SELECT * FROM tutorial_progress WHERE tutorial_id = $1 AND user_id = $2",
        *(tutorial_id, user_id),
    )
    chapters = await pool.fetch(
        """SELECT chapter_id, watch_time, completed, last_position
        FROM chapter_progress WHERE progress_id = $1""",
        progress["id"],
    )
    quizzes = await pool.fetch(
        """SELECT quiz_id, score, max_score, passed, attempts, completed_at
        FROM quiz_scores WHERE progress_id = $1""",
        progress["id"],
    )
    return {
        "tutorialId": progress["tutorial_id"],
        "userId": progress["user_id"],
        "completionPercentage": progress["completion_percentage"],
        "chaptersCompleted": progress["chapters_completed"],
        "totalChapters": progress["total_chapters"],
        "chapterProgress": [
            {
                "chapterId": chapter["chapter_id"],
                "watchTime": chapter["watch_time"],
                "completed": chapter["completed"],
                "lastPosition": chapter["last_position"],
            }
            for chapter in chapters
        ],
        "quizScores": [
            {
                "quizId": quiz["quiz_id"],
                "score": quiz["score"],
                "maxScore": quiz["max_score"],
                "passed": quiz["passed"],
                "attempts": quiz["attempts"],
                "completedAt": quiz["completed_at"].isoformat(),
            }
            for quiz in quizzes
        ],
        "certificateEligible": progress["certificate_eligible"],
        "certificateEarned": progress["certificate_earned"],
        "totalWatchTime": progress["total_watch_time"],
        "lastWatchedAt": progress["last_watched_at"] and progress["last_watched_at"].isoformat(),
    }
