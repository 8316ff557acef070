"""The API of the service: the endpoints of all capabilities, and what is common to them."""

from progress_api.certificates import routes as certificates
from progress_api.listing import routes as listing
from progress_api.openapi import pages
from progress_api.outlines import routes as outlines
from progress_api.progress import routes as progress
from progress_api.reports import routes as reports
from progress_api.settings import Settings
from progress_api.sync import routes as sync
from progress_api.web import endpoint
from progress_api.web.error_responses import ERRORS

_ABOUT = """\
- A request is for the learner of its token. To name another learner as `userId`, the token needs
  the scope `{settings.progress_admin_scope}`.
- `null` for an optional field means that it is not given. Fields that are not listed are ignored.
- A body has at most {settings.progress_max_body_bytes} bytes where the operation names no other
  limit.
- Responses are JSON where the operation names no other type. OPTIONS on any of these paths returns
  its methods, without a token."""


def _about(settings: Settings) -> str:
    return f"{progress.about(settings)}\n\n{_ABOUT.format(settings=settings)}"


API = endpoint.API(
    endpoints=(
        *listing.ENDPOINTS,
        *sync.ENDPOINTS,
        *progress.ENDPOINTS,
        *outlines.ENDPOINTS,
        *certificates.ENDPOINTS,
        *reports.ENDPOINTS,
        pages.ENDPOINT,
    ),
    errors={**ERRORS, **certificates.ERRORS, **outlines.ERRORS, **progress.ERRORS},
    about=_about,
)
