"""Run batches in the transaction of a host's session, which the host commits or rolls back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from progress_api.database.batch import Batch, Row
from progress_api.database.connections import one_transaction
from progress_api.database.errors import errors_of, is_unavailable, unavailable
from progress_api.database.executor import EngineExecutor, Executor, execute
from progress_api.database.preparing import preparing
from progress_api.signals import Signals

_QUEUE = "progress_after_commit"
_BLOCK = "_trans_context_manager"  # no public name in SQLAlchemy 2.0 and 2.1

AnySession = Session | scoped_session[Any]
Action = Callable[[], object]


class SessionExecutor:
    """Runs batches in a session's transaction. Begins one if needed, and never ends it."""

    def __init__(
        self, session: AnySession, *, prepares: bool = True, schema: str | None = None
    ) -> None:
        """Use this session.

        Args:
            session: the host's session or `scoped_session`.
            prepares: whether the driver may prepare statements on the server.
            schema: the schema of the tables; None for the connection's search path.
        """
        self._session = session
        self._prepares = prepares
        self._schema = schema

    def run(self, batch: Batch) -> Row | None:
        """Run a batch. After an error the host must roll the transaction back, as after any."""
        try:
            connection = self._session.connection()
            with (
                preparing(connection.connection, allowed=self._prepares),
                one_transaction(connection.connection),
            ):
                return execute(connection, batch, self._schema)
        except errors_of(self._session.get_bind()) as error:
            if is_unavailable(error):
                raise unavailable(error) from error
            raise

    def after_commit(self, action: Action) -> None:
        """Call `action` after the session's outermost transaction commits."""
        session = self._session() if isinstance(self._session, scoped_session) else self._session
        _AfterCommit.of(session).add(action)


def executor_for(
    bind: Engine | AnySession,
    *,
    one_trip: bool = True,
    schema: str | None = None,
    signals: Signals | None = None,
) -> Executor:
    """Return what runs batches on an engine, or in a session's transaction.

    Args:
        bind: an engine or session of PostgreSQL.
        one_trip: whether statements may be prepared on the server.
        schema: the schema of the tables; None for the connection's search path.
        signals: where each wait for a connection of the engine is sent.
    """
    if isinstance(bind, Engine):
        return EngineExecutor(bind, one_trip=one_trip, schema=schema, signals=signals)
    if isinstance(bind, Session | scoped_session):
        return SessionExecutor(bind, prepares=one_trip, schema=schema)
    raise TypeError(f"A repository needs an Engine or a Session, not {bind!r}.")


class Repository:
    """Runs the batches of one capability on an engine, or in a host's session.

    On an engine, each batch is one transaction, committed when the call returns. On a session, each
    batch is part of the session's transaction and is committed or rolled back with it.
    """

    def __init__(
        self,
        bind: Engine | AnySession,
        *,
        schema: str | None = None,
        one_trip: bool = True,
        signals: Signals | None = None,
    ) -> None:
        """Bind the repository to an engine or a session.

        Args:
            bind: an engine or session of PostgreSQL.
            schema: the PostgreSQL schema of the tables; None for the connection's search path.
            one_trip: whether statements may be prepared on the server; False behind a pooler in
                transaction mode.
            signals: where committed operations and waits for a connection are sent.
        """
        self._signals = signals or Signals()
        self._executor = executor_for(bind, one_trip=one_trip, schema=schema, signals=signals)


class _AfterCommit:
    """The actions to call after a session's commit, each with the savepoint it was added in."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._actions: list[tuple[SessionTransaction | None, Action]] = []
        self._due: list[Action] = []
        event.listen(session, "after_commit", self._committed)
        event.listen(session, "after_soft_rollback", self._rolled_back)
        event.listen(session, "after_transaction_end", self._ended)

    @classmethod
    def of(cls, session: Session) -> "_AfterCommit":
        """Return the queue of a session; create it at first use."""
        queue = session.info.get(_QUEUE)
        if queue is None:
            queue = session.info[_QUEUE] = cls(session)
        return queue

    def add(self, action: Action) -> None:
        """Add an action to the current savepoint or transaction."""
        session = self._session
        self._actions.append(
            (session.get_nested_transaction() or session.get_transaction(), action)
        )

    def _committed(self, session: Session) -> None:
        if session.get_nested_transaction() is None:  # not the release of a savepoint
            self._due += [action for _, action in self._actions]
            self._actions.clear()

    def _rolled_back(self, _: Session, transaction: SessionTransaction) -> None:
        self._actions = [
            (inner, action)
            for inner, action in self._actions
            if transaction not in _with_parents(inner)
        ]

    def _ended(self, _: Session, transaction: SessionTransaction) -> None:
        # Call the actions here, because in `after_commit` the session cannot be used.
        if transaction.parent is None:
            self._actions.clear()  # closing a session sends no rollback event
            due, self._due = self._due, []
            with _usable(self._session):
                for action in due:
                    action()


@contextmanager
def _usable(session: Session) -> Iterator[None]:
    """Let actions use the session between the commit and the end of `with session.begin():`.

    SQLAlchemy rejects all work on the session in between.
    """
    block = getattr(session, _BLOCK, None)
    setattr(session, _BLOCK, None)
    try:
        yield
    finally:
        setattr(session, _BLOCK, block)


def _with_parents(transaction: SessionTransaction | None) -> Iterator[SessionTransaction]:
    while transaction is not None:
        yield transaction
        transaction = transaction.parent
