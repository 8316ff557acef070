"""The school's pages."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required, login_user, logout_user
from sqlalchemy import select
from werkzeug.wrappers import Response

from campus.doors import limiter, with_password
from campus.learning import progress
from campus.models import Course, Diploma, ExamPaper, db
from progress_api import QuizAttempt

pages = Blueprint("pages", __name__)


@pages.get("/sign-in")
def sign_in() -> str:
    """Ask who it is."""
    return render_template("sign_in.html")


@pages.post("/sign-in")
@limiter.limit("10/minute")
def enter() -> Response:
    """Let in whoever knows the password."""
    user = with_password(request.form["name"], request.form["password"])
    if user is None:
        flash("Wrong name or password.")
        return redirect(url_for("pages.sign_in"))
    login_user(user)
    return redirect(url_for("pages.courses"))


@pages.post("/sign-out")
def leave() -> Response:
    """Forget who it is."""
    logout_user()
    return redirect(url_for("pages.sign_in"))


@pages.get("/")
@login_required
def courses() -> str:
    """Show how far the learner is in each course."""
    recorded, learner = progress.repository(), str(current_user.id)
    found = db.session.scalars(select(Course).order_by(Course.slug))
    rows = [(course, recorded.get(learner, course.slug)) for course in found]
    mine = select(Diploma.course).where(Diploma.user_id == current_user.id)
    return render_template("courses.html", rows=rows, diplomas=set(db.session.scalars(mine)))


@pages.post("/courses/<slug>/exam")
@login_required
def sit_exam(slug: str) -> Response:
    """Keep the paper and record its score, both or neither: in one transaction."""
    course = db.get_or_404(Course, slug)
    answer = request.form["answer"].strip()
    right = answer == course.answer
    db.session.add(ExamPaper(user_id=current_user.id, course=slug, answer=answer))
    attempt = QuizAttempt(quiz_id="exam", score=int(right), max_score=1, passed=right)
    progress.repository(db.session).record_quiz(str(current_user.id), slug, attempt)
    db.session.commit()
    return redirect(url_for("pages.courses"))
