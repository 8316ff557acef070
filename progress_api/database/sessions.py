"""Units in the transaction of a host's session: committed with it, undone with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from progress_api.database.batch import Parameters, Row, StatementBatch
from progress_api.database.connections import one_transaction
from progress_api.database.errors import errors_of, is_unavailable
from progress_api.database.executor import execute
from progress_api.database.preparing import preparing
from progress_api.database.reasons import unavailable

_WAITING = "progress_waiting_for_commit"
_BLOCK = "_trans_context_manager"  # SQLAlchemy has no public name for it, in 2.0 nor in 2.1

AnySession = Session | scoped_session[Any]
Act = Callable[[], object]


class SessionExecutor:
    """Runs units in the transaction that a session has, or begins one; never ends it."""

    def __init__(
        self, session: AnySession, *, prepares: bool = True, schema: str | None = None
    ) -> None:
        """Run in this session.

        Args:
            session: the host's, or its registry of one for each request.
            prepares: whether the driver may prepare statements on the server.
            schema: where the tables are; None for where a connection looks by itself.
        """
        self._session = session
        self._prepares = prepares
        self._schema = schema

    def run(self, unit: StatementBatch, parameters: Parameters) -> Row | None:
        """Run a unit; after a failure the transaction is to be rolled back, as after any."""
        try:
            connection = self._session.connection()
            with (
                preparing(connection.connection, allowed=self._prepares),
                one_transaction(connection.connection),
            ):
                return execute(connection, unit, parameters, self._schema)
        except errors_of(self._session.get_bind()) as error:
            if is_unavailable(error):
                raise unavailable(error) from error
            raise

    def after_commit(self, act: Act) -> None:
        """Wait until the session's outermost transaction is committed."""
        session = self._session() if isinstance(self._session, scoped_session) else self._session
        _Waiting.of(session).add(act)


class _Waiting:
    """What is to be done after the commit of one session, each act in the savepoint it is from."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._acts: list[tuple[SessionTransaction | None, Act]] = []
        self._due: list[Act] = []
        event.listen(session, "after_commit", self._committed)
        event.listen(session, "after_soft_rollback", self._undone)
        event.listen(session, "after_transaction_end", self._ended)

    @classmethod
    def of(cls, session: Session) -> "_Waiting":
        """Return the session's own."""
        waiting = session.info.get(_WAITING)
        if waiting is None:
            waiting = session.info[_WAITING] = cls(session)
        return waiting

    def add(self, act: Act) -> None:
        """Wait with this."""
        session = self._session
        self._acts.append((session.get_nested_transaction() or session.get_transaction(), act))

    def _committed(self, session: Session) -> None:
        if session.get_nested_transaction() is None:  # a savepoint that is released is no commit
            self._due += [act for _, act in self._acts]
            self._acts.clear()

    def _undone(self, _: Session, transaction: SessionTransaction) -> None:
        self._acts = [
            (within, act) for within, act in self._acts if transaction not in _and_outer(within)
        ]

    def _ended(self, _: Session, transaction: SessionTransaction) -> None:
        # Not in after_commit: there the session can do nothing, and the host's act may need it.
        if transaction.parent is None:
            self._acts.clear()  # a session that is closed says nothing of a rollback
            due, self._due = self._due, []
            with _free(self._session):
                for act in due:
                    act()


@contextmanager
def _free(session: Session) -> Iterator[None]:
    """In `with session.begin():` a session refuses all work until the block ends, after its commit.

    The host's act comes between the two, and is to find a session that it can work with.
    """
    block = getattr(session, _BLOCK, None)
    setattr(session, _BLOCK, None)
    try:
        yield
    finally:
        setattr(session, _BLOCK, block)


def _and_outer(transaction: SessionTransaction | None) -> Iterator[SessionTransaction]:
    while transaction is not None:
        yield transaction
        transaction = transaction.parent
