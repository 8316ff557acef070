"""`flask demo`: two courses, and a learner with a new password."""

import secrets

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from campus.learning import progress
from campus.models import Course, User, db
from progress_api import Outline, OutlineChapter, OutlineQuiz

_COURSES = (
    ("algebra", "Algebra", 2, "What is 6 times 7?", "42"),
    ("botany", "Botany", 3, "How many leaves has a lucky clover?", "4"),
)


@click.command()
@with_appcontext
def demo() -> None:
    """Make what there is to see, and say how to sign in."""
    password = secrets.token_urlsafe(9)
    for slug, title, chapters, question, answer in _COURSES:
        course = Course(slug=slug, title=title, chapters=chapters)
        course.question, course.answer = question, answer
        db.session.merge(course)
        progress.outlines(db.session).put(slug, _outline(title, chapters))
    ada = db.session.scalar(select(User).where(User.name == "ada")) or User(name="ada")
    ada.password_hash = generate_password_hash(password)
    db.session.add(ada)
    db.session.commit()
    click.echo(f"Sign in as ada with the password {password} (another one at each start).")


def _outline(title: str, chapters: int) -> Outline:
    """Say what earns the certificate; else the learner's browser would say it."""
    watched = (OutlineChapter(chapter_id=f"chapter-{n}") for n in range(1, chapters + 1))
    return Outline(title=title, chapters=tuple(watched), quizzes=(OutlineQuiz(quiz_id="exam"),))
