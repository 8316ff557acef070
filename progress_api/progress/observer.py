"""Notifications of committed operations, for metrics; they name no learner."""

from typing import Protocol


class Observer(Protocol):
    """Receive a notification of each operation of a repository."""

    def connection_awaited(self, seconds: float) -> None:
        """Handle a wait for a database connection.

        Args:
            seconds: the duration of the wait.
        """

    def chapter_posted(self, *, completed: int) -> None:
        """Handle a committed chapter post.

        Args:
            completed: the number of chapters that it completed, 0 or more.
        """

    def quiz_posted(self, *, is_repeat: bool) -> None:
        """Handle a committed quiz post.

        Args:
            is_repeat: whether the attempt was recorded before and not counted again.
        """

    def certificate_earned(self) -> None:
        """Handle a committed certificate."""


class NullObserver:
    """Ignore all notifications."""

    def connection_awaited(self, seconds: float) -> None:
        """Ignore the wait."""

    def chapter_posted(self, *, completed: int) -> None:
        """Ignore the post."""

    def quiz_posted(self, *, is_repeat: bool) -> None:
        """Ignore the post."""

    def certificate_earned(self) -> None:
        """Ignore the certificate."""
