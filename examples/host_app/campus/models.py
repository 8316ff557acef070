"""What the school keeps itself: its learners, its courses, and what became of them."""

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of the school's tables; those of its guest are not among them."""


db = SQLAlchemy(model_class=Base)


class User(Base):
    """Somebody who can sign in."""

    __tablename__ = "users"
    is_authenticated, is_active, is_anonymous = True, True, False

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the session."""
        return str(self.id)


class Course(Base):
    """A tutorial, with an exam of one question."""

    __tablename__ = "courses"

    slug: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    chapters: Mapped[int]
    question: Mapped[str]
    answer: Mapped[str]


class ExamPaper(Base):
    """What a learner answered; the school keeps every paper."""

    __tablename__ = "exam_papers"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    course: Mapped[str] = mapped_column(ForeignKey("courses.slug"))
    answer: Mapped[str]


class Diploma(Base):
    """A certificate that was earned, as the school's register has it."""

    __tablename__ = "diplomas"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    course: Mapped[str] = mapped_column(ForeignKey("courses.slug"), primary_key=True)
    issued_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RevokedToken(Base):
    """A token of the school's API that was given back before its end."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(primary_key=True)
