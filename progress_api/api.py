"""All endpoints of the service, and what its OpenAPI document says of them together."""

from progress_api.openapi import pages
from progress_api.progress.routes import ENDPOINTS
from progress_api.settings import Settings
from progress_api.web.endpoint import API as _API

_ABOUT = """\
What each learner has watched of each tutorial, where it stopped, which quizzes are passed, and
whether the certificate is earned.

- The learner is the token's. Naming another one as `userId` needs the scope `{scope}`.
- `null` for a field that is not required is as good as none. Fields not listed are ignored.
- A body has at most {size} bytes; a learner's tutorial has at most {chapters} chapters and
  {quizzes} quizzes.
- Every answer is JSON. OPTIONS is answered on each of these paths, without a token."""
_STICKY = "\n- A completed chapter stays so, whatever is posted later."


def _about(settings: Settings) -> str:
    about = _ABOUT.format(
        scope=settings.progress_admin_scope,
        size=settings.progress_max_body_bytes,
        chapters=settings.progress_max_chapters,
        quizzes=settings.progress_max_quizzes,
    )
    return about + (_STICKY if settings.progress_sticky_completion else "")


API = _API((*ENDPOINTS, pages.ENDPOINT), _about)
