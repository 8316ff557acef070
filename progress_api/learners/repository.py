"""Export and erase everything held about one learner, from Python or the command line."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any
from uuid import uuid4

import orjson

from progress_api.database import Repository, Row, Statements
from progress_api.learners import statements
from progress_api.learners.records import ErasureStep, LearnerRows
from progress_api.validation import require_ids

_BATCH = 20  # tutorials in one transaction
_log = logging.getLogger("progress_api.learners")
OnStep = Callable[[ErasureStep], object]


class LearnerRepository(Repository):
    """Export and erase everything held about one learner.

    On an engine, each batch of tutorials is one transaction. On a session, all is part of the
    session's transaction and is committed or rolled back with it.
    """

    def count(self, user_id: str) -> LearnerRows:
        """Return how much is held about a learner (spec 16.3).

        Args:
            user_id: 1 to 255 characters.

        Raises:
            InvalidFields: the id is invalid.
            DatabaseUnavailable: the database cannot respond now.
        """
        require_ids(user_id=user_id)
        return self._count(user_id)[1]

    def export(self, user_id: str, stream: IO[bytes]) -> int:
        """Write everything held about a learner to a stream, as one JSON object (spec 16.1).

        Args:
            user_id: 1 to 255 characters.
            stream: where the bytes are written; memory is used for some tutorials at a time.

        Returns:
            The number of tutorials, also of those of which only a certificate is left.

        Raises:
            InvalidFields: the id is invalid.
            DatabaseUnavailable: the database cannot respond now; the stream is incomplete.
        """
        require_ids(user_id=user_id)
        head = {"userId": user_id, "exportedAt": datetime.now(UTC)}
        stream.write(orjson.dumps(head, option=orjson.OPT_UTC_Z)[:-1] + b',"tutorials":[')
        total = 0
        for tutorials in self._pages(user_id):
            row = self._run(statements.EXPORT, user_id, tutorials=tutorials)
            for tutorial in row[0]:
                stream.write((b",\n" if total else b"\n") + orjson.dumps(tutorial))
                total += 1
        stream.write(b"\n]}\n")
        self._audit(f"exported a learner: {total} tutorials")
        return total

    def erase(self, user_id: str, on_step: OnStep | None = None) -> LearnerRows:
        """Remove everything held about a learner, certificates too, and return how much it was.

        Tutorials are removed some at a time, each at once with its certificate. What the learner
        records in a tutorial after that stays (spec 16.4).

        Args:
            user_id: 1 to 255 characters.
            on_step: called after each batch.

        Raises:
            InvalidFields: the id is invalid.
            DatabaseUnavailable: the database cannot respond now; some tutorials may be removed.
                Erase the learner again.
        """
        require_ids(user_id=user_id)
        total, erased, done = self._count(user_id)[0], LearnerRows(), 0
        for tutorials in self._pages(user_id):
            new_ids = [str(uuid4()) for _ in tutorials]
            row = self._run(statements.ERASE, user_id, tutorials=tutorials, new_ids=new_ids)
            erased, done = erased + LearnerRows(*row), done + len(tutorials)
            if on_step:
                on_step(ErasureStep(done, max(done, total)))
        self._audit(f"erased a learner: {erased}")
        return erased

    def _pages(self, user_id: str) -> Iterator[list[str]]:
        """Yield the ids of the learner's tutorials, each once."""
        after = ""
        while True:
            row = self._run(statements.NEXT_TUTORIALS, user_id, after=after, most=_BATCH)
            tutorials: list[str] | None = row[0]
            if not tutorials:
                return
            yield tutorials
            after = tutorials[-1]

    def _count(self, user_id: str) -> tuple[int, LearnerRows]:
        total, *counts = self._run(statements.COUNT, user_id)
        return total, LearnerRows(*counts)

    def _run(self, batch: Statements, user_id: str, **values: Any) -> Row:
        row = self._executor.run(batch.batch({"of_user": user_id, **values}))
        assert row is not None
        return row

    def _audit(self, sentence: str) -> None:
        # Never the id: logs outlive what is erased.
        self._executor.after_commit(partial(_log.info, sentence))
