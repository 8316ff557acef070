"""Tutorial progress in this app: for its pages by session, for its API by token."""

from campus.doors import refuse_own_grades, signed_in
from campus.models import Diploma, db
from progress_api import Progress, ProgressAPI


def issue_diploma(earned: Progress) -> None:
    """Enter a certificate into the school's register; a certificate that is earned again stays."""
    db.session.merge(Diploma(user_id=int(earned.user_id), course=earned.tutorial_id))
    db.session.commit()


progress = ProgressAPI(
    url_prefix="/progress", learner=signed_in, on_certificate_earned=issue_diploma
)
progress_by_token = ProgressAPI(
    url_prefix="/api/progress", name="progress_by_token", on_certificate_earned=issue_diploma
)
for mount in (progress, progress_by_token):
    mount.blueprint.before_request(refuse_own_grades)
