"""What is told of each call, for whoever counts; it names nobody."""

from typing import Protocol


class Observer(Protocol):
    """Counts what learners do, and what it takes."""

    def connection_awaited(self, seconds: float) -> None:
        """A connection was taken from the pool.

        Args:
            seconds: how long it was waited for.
        """

    def chapter_posted(self, *, completed: int) -> None:
        """A chapter was posted, and it is committed.

        Args:
            completed: how many chapters more than before are complete now; often 0.
        """

    def quiz_posted(self, *, is_repeat: bool) -> None:
        """A quiz was posted, and it is committed.

        Args:
            is_repeat: whether the attempt was known already, and so was not counted again.
        """

    def certificate_earned(self) -> None:
        """A certificate was earned, and it is committed."""


class NullObserver:
    """Counts nothing."""

    def connection_awaited(self, seconds: float) -> None:
        """Ignore it."""

    def chapter_posted(self, *, completed: int) -> None:
        """Ignore it."""

    def quiz_posted(self, *, is_repeat: bool) -> None:
        """Ignore it."""

    def certificate_earned(self) -> None:
        """Ignore it."""
