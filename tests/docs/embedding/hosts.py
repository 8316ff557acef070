"""An app without extensions, in which the blocks of docs/embedding*.md are run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from progress_api import ProgressAPI
from tests.client import PREFIX, InProcess, Learner
from tests.docs.console import block_below

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [DOCS / "embedding.md", *sorted(DOCS.glob("embedding-*.md"))]
GUIDE = "\n".join(page.read_text() for page in PAGES)


@dataclass
class Host:
    """An app with a database to itself, in which a block is run."""

    app: Flask
    address: str
    engine: Engine

    def run(self, heading: str, **given: object) -> dict[str, Any]:
        """Run the block below a heading, with these names; return all names."""
        names = {"app": self.app, "address": self.address, "ProgressAPI": ProgressAPI, **given}
        exec(block_below(heading, GUIDE, "python"), names)  # noqa: S102
        return names

    def learner(self, name: str = "ada", prefix: str = PREFIX) -> Learner:
        """A learner with a token of that name, who talks to the app."""
        return Learner(InProcess(self.app), name, prefix=prefix)

    def sqlalchemy(self) -> SQLAlchemy:
        """Give the app a Flask-SQLAlchemy, and tables of its own."""
        self.app.config["SQLALCHEMY_DATABASE_URI"] = self.address
        Base.metadata.create_all(self.engine)
        return SQLAlchemy(self.app, model_class=Base)

    def ask(self, query: str) -> list[Any]:
        """The first column of each row."""
        with self.engine.connect() as connection:
            return list(connection.scalars(text(query)))


class Base(DeclarativeBase):
    """Of the host's tables."""


class Paper(Base):
    """A host's own."""

    __tablename__ = "papers"
    learner: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[str]


class Diploma(Base):
    """Another one."""

    __tablename__ = "diplomas"
    learner: Mapped[str] = mapped_column(primary_key=True)
    course: Mapped[str] = mapped_column(primary_key=True)


class User:
    """A signed-in user."""

    is_authenticated = is_active = True

    def __init__(self, name: str) -> None:
        self.id = int(name)

    def get_id(self) -> str:
        """What Flask-Login keeps."""
        return str(self.id)
