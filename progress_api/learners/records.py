"""The results of `LearnerRepository`."""

from typing import NamedTuple


class LearnerRows(NamedTuple):
    """How much is held about a learner, or was erased."""

    tutorials: int = 0
    chapters: int = 0
    quizzes: int = 0
    attempt_keys: int = 0
    certificates: int = 0

    def __add__(self, other: object) -> "LearnerRows":
        """Return the sums."""
        if not isinstance(other, LearnerRows):
            return NotImplemented
        return LearnerRows(*(mine + its for mine, its in zip(self, other, strict=True)))

    def __str__(self) -> str:
        """Return the counts in words; a log line may hold them."""
        return ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in self._asdict().items()
        )


class ErasureStep(NamedTuple):
    """How far an erasure is: `done` of `total` tutorials; later ones are not counted."""

    done: int
    total: int
