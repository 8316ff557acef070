"""A plan that was made for the first learner serves thousands, until the statistics are updated."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from embedded.postgres import Postgres
from tests import events
from tests.client import Answer, Learner
from tests.conftest import MakeLearner, new_database
from tests.rules.conftest import MakeService, recorded

Act = Callable[[Learner], Answer]

KEY = {"Idempotency-Key": "a"}
# The last one forgets: what it is to forget is there until then.
ACTS: dict[str, Act] = {
    "get": Learner.get,
    "chapter": lambda learner: learner.watch(completed=True, totalChapters=1),
    "another chapter": lambda learner: learner.watch("chapter-2"),
    "quiz": lambda learner: learner.answer_quiz(headers=KEY),
    "complete": Learner.complete,
    "events": lambda learner: learner.post_events(events.chapter(), events.quiz()),
    "list": Learner.tutorials,
    "reset": Learner.reset,
}
# A statement that is sent again and again is planned once; which is otherwise a matter of costs.
PLANNED_ONCE = "&options=-c%20plan_cache_mode%3Dforce_generic_plan"
TABLES = (
    *("tutorial_progress", "chapter_progress", "quiz_scores", "quiz_attempt_keys"),
    "tutorial_outlines",
)
OTHERS = """
    INSERT INTO tutorial_progress (tutorial_id, user_id)
    SELECT 'intro', 'other-' || n FROM generate_series(1, {learners}) n;
    INSERT INTO chapter_progress (progress_id, chapter_id)
    SELECT id, 'chapter-' || n FROM tutorial_progress, generate_series(1, {chapters}) n
    WHERE starts_with(user_id, 'other-');
    INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score)
    SELECT id, 'quiz-' || n, 1, 1 FROM tutorial_progress, generate_series(1, {quizzes}) n
    WHERE starts_with(user_id, 'other-');
    INSERT INTO quiz_attempt_keys (quiz_score_id, attempt_key)
    SELECT id, gen_random_uuid() FROM quiz_scores;
    INSERT INTO tutorial_outlines (tutorial_id, updated_at)
    SELECT 'tutorial-' || n, now() FROM generate_series(1, {learners}) n
"""
READ = text(
    "SELECT sum(shared_blks_hit + shared_blks_read) FROM pg_stat_statements s"
    " JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = :name"
)


@pytest.fixture
def engine(database: str) -> Engine:
    """To do with SQL what operators do; nobody else gathers statistics."""
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        for table in TABLES:
            connection.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    return engine


@pytest.fixture
def blocks_read(postgres: Postgres, engine: Engine) -> Iterator[Callable[[Act, Learner], int]]:
    """How many blocks of the tables, in memory or not, PostgreSQL reads for one act."""
    watch_from = create_engine(new_database(postgres, None))
    with watch_from.begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION pg_stat_statements")

    def count(act: Act, learner: Learner) -> int:
        with watch_from.begin() as connection:
            connection.execute(text("SELECT pg_stat_statements_reset()"))
        assert act(learner).status == 200
        with watch_from.begin() as connection:
            return int(connection.execute(READ, {"name": engine.url.database}).scalar_one())

    yield count
    watch_from.dispose()


def blocks_held(engine: Engine) -> int:
    """How many blocks there are in all of the tables."""
    sizes = " + ".join(f"pg_relation_size('{table}')" for table in TABLES)
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT ({sizes}) / 8192")).scalar_one())


def planned_for_one(learner: Learner, engine: Engine) -> Learner:
    """The same, after whose requests every statement was planned by statistics of one learner."""
    for _ in range(7):  # psycopg 3 prepares what it has sent five times
        for act in ACTS.values():
            recorded(act(learner))
    learner.watch()
    learner.answer_quiz(headers=KEY)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    for act in ACTS.values():
        recorded(act(learner))
    return learner


def test_no_request_reads_the_rows_of_all_learners_again_for_each_of_them(
    make_learner: MakeLearner,
    make_service: MakeService,
    engine: Engine,
    blocks_read: Callable[[Act, Learner], int],
) -> None:
    # given
    service = make_service(f"{engine.url.render_as_string()}{PLANNED_ONCE}", web_threads=1)
    learner = planned_for_one(make_learner(service), engine)
    # when
    with engine.begin() as connection:
        connection.exec_driver_sql(OTHERS.format(learners=2000, chapters=5, quizzes=3))
    read = {name: blocks_read(act, learner) for name, act in ACTS.items()}
    # then each of a unit's statements has gone through the tables a few times at most
    most = 10 * blocks_held(engine)
    assert {name: blocks for name, blocks in read.items() if not 0 < blocks < most} == {}


def test_a_request_on_tables_that_were_never_analyzed_reads_no_more_than_after_analyze(
    make_learner: MakeLearner,
    make_service: MakeService,
    engine: Engine,
    blocks_read: Callable[[Act, Learner], int],
) -> None:
    # given plans of the first requests, and then many learners
    learner = make_learner(make_service(engine.url.render_as_string(), web_threads=1))
    for _ in range(7):
        for act in ACTS.values():
            recorded(act(learner))
    with engine.begin() as connection:
        connection.exec_driver_sql(OTHERS.format(learners=10000, chapters=1, quizzes=1))
    recorded(learner.watch())
    # when
    first = {name: blocks_read(act, learner) for name, act in ACTS.items()}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    for act in (*ACTS.values(), Learner.watch):
        recorded(act(learner))
    analyzed = {name: blocks_read(act, learner) for name, act in ACTS.items()}
    # then
    assert {
        name: (blocks, analyzed[name])
        for name, blocks in first.items()
        if not 0 < blocks <= 1.25 * analyzed[name]
    } == {}
