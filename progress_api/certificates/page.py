"""The page of a certificate: for a phone, a screen reader and paper, without a script."""

import hashlib
import re
from base64 import b64encode
from datetime import datetime
from importlib.resources import files

from jinja2 import Environment

from progress_api.certificates.records import Certificate

_TEMPLATE = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
# Not the app's environment, which a host may have changed.
_page = Environment(autoescape=True, trim_blocks=True).from_string(_TEMPLATE)
_style = "".join(re.findall("<style>(.*?)</style>", _TEMPLATE, re.DOTALL))
_hash = b64encode(hashlib.sha256(_style.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_hash}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address is the secret
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_GROUP = 5
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def page_of(certificate: Certificate, url: str, issuer: str | None) -> bytes:
    """Return the page in HTML; all that it shows is escaped.

    Args:
        certificate: to be shown; of a revoked one neither the name nor the reason.
        url: its public address.
        issuer: the name of the issuer; None if it is not set.
    """
    certificate_id = certificate.certificate_id
    starts = range(0, len(certificate_id), _GROUP)
    groups = "-".join(certificate_id[start : start + _GROUP] for start in starts)
    shown = {"certificate": certificate, "url": url, "issuer": issuer, "groups": groups}
    return _page.render(shown, date=_date).encode()


def _date(time: datetime) -> str:
    # strftime depends on the locale of the process.
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}"
