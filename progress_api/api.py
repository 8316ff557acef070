"""All endpoints of the service, and what its OpenAPI document says of them together."""

from progress_api.openapi import pages
from progress_api.progress.routes import ENDPOINTS
from progress_api.settings import Settings
from progress_api.web.endpoint import API as _API

_ABOUT = """\
Records what each learner has watched of each tutorial, where the learner stopped, which quizzes
are passed, and whether the certificate is earned.

- A request is for the learner of its token. To name another learner as `userId`, the token needs
  the scope `{scope}`.
- `null` for an optional field means that it is not given. Fields that are not listed are ignored.
- A body has at most {size} bytes. One learner's tutorial has at most {chapters} chapters and
  {quizzes} quizzes.
- Every response is JSON. OPTIONS on any of these paths returns its methods, without a token."""
_STICKY = "\n- A completed chapter stays completed, whatever is posted later."


def _about(settings: Settings) -> str:
    about = _ABOUT.format(
        scope=settings.progress_admin_scope,
        size=settings.progress_max_body_bytes,
        chapters=settings.progress_max_chapters,
        quizzes=settings.progress_max_quizzes,
    )
    return about + (_STICKY if settings.progress_sticky_completion else "")


API = _API((*ENDPOINTS, pages.ENDPOINT), _about)
