"""The endpoints about certificates (spec 14.3 to 14.8)."""

from functools import partial
from typing import Any

from flask import Response, url_for

from progress_api.certificates import examples
from progress_api.certificates.credential import CredentialIssuer
from progress_api.certificates.ids import ID_LENGTH, MOST_CHARACTERS, canonical_id
from progress_api.certificates.page import HEADERS, page_of
from progress_api.certificates.records import Certificate
from progress_api.certificates.repository import CertificateRepository
from progress_api.certificates.schemas import (
    CertificatePath,
    KeySet,
    OwnCertificate,
    PublicCertificate,
    Revocation,
    own_json,
    public_json,
)
from progress_api.exceptions import CertificateNotFound, DatabaseUnavailable
from progress_api.web.arguments import acting_for, read_body
from progress_api.web.endpoint import Access, Endpoint, Errors, Tag
from progress_api.web.fields import LEARNER_BODY, NO_BODY, TutorialPath
from progress_api.web.responses import (
    ApiResponse,
    is_preferred,
    json_response,
    new_response,
    redirect_response,
)
from progress_api.web.state import service

_HTML = "text/html"
_PUBLIC_SECONDS = 60
_KEYS_SECONDS = 300
_REVOCATION = Revocation()


def own(tutorial_id: str) -> Response:
    """Return a learner's certificate for a tutorial (spec 14.3)."""
    body = read_body(LEARNER_BODY)
    user_id = acting_for(body.user_id)
    certificate = service(CertificateRepository).get(user_id, tutorial_id)
    return _own_response(certificate)


def check(certificate_id: str) -> Response:
    """Return a certificate to anyone, as JSON or as a page (spec 14.4, 14.5)."""
    canonical = canonical_id(certificate_id)
    if canonical and canonical != certificate_id:
        return redirect_response(canonical)
    certificate = service(CertificateRepository).find(certificate_id)
    wants_page = is_preferred(_HTML)
    response = _page(certificate) if wants_page else json_response(public_json(certificate))
    response.vary.add("Accept")
    return _public(response, _PUBLIC_SECONDS)


def revoke(certificate_id: str) -> Response:
    """Revoke a certificate (spec 14.6)."""
    reason = read_body(_REVOCATION).record
    certificate = service(CertificateRepository).revoke(certificate_id, reason)
    return _own_response(certificate)


def reinstate(certificate_id: str) -> Response:
    """Make a revoked certificate valid again (spec 14.6)."""
    read_body(NO_BODY)
    certificate = service(CertificateRepository).reinstate(certificate_id)
    return _own_response(certificate)


def keys() -> Response:
    """Return the public keys that verify credentials (spec 14.8)."""
    return keys_response(service(CredentialIssuer))


def keys_response(issuer: CredentialIssuer) -> Response:
    """Return the response with the public keys of an issuer.

    Args:
        issuer: of a mounted service.
    """
    response = json_response(issuer.key_set)
    response.mimetype = KEY_SET_TYPE
    return _public(response, _KEYS_SECONDS)


def _page(certificate: Certificate) -> ApiResponse:
    issuer, url = service(CredentialIssuer).name, _url(certificate)
    body = page_of(certificate, url, issuer)
    return new_response(body, mimetype=_HTML, headers=HEADERS)


def _own_response(certificate: Certificate) -> Response:
    credential = service(CredentialIssuer).sign(certificate)
    return json_response(own_json(certificate, _url(certificate), credential))


def _url(certificate: Certificate) -> str:
    """Return the public address, by PUBLIC_URL or else by the Host of the current request."""
    certificate_id = certificate.certificate_id
    return service(CredentialIssuer).url(certificate_id) or url_for(
        ".check_certificate", certificate_id=certificate_id, _external=True
    )


def _public(response: ApiResponse, seconds: int) -> Response:
    response.is_public = response.cache_control.public = True
    response.cache_control.max_age = seconds
    return response


ERRORS: Errors = {CertificateNotFound: (404, "Certificate not found")}
KEY_SET_TYPE = "application/jwk-set+json"
# No other path below /certificates/ is so long: a tutorial of that name keeps its endpoints.
_ID = f"<string(minlength={ID_LENGTH},maxlength={MOST_CHARACTERS}):certificate_id>"
_endpoint: Any = partial(
    Endpoint,
    limit="ratelimit_certificate",
    tag=Tag("certificates", "Certificates that anyone can check."),
)
_of_certificate = partial(
    _endpoint,
    method="POST",
    access=Access.ADMIN,
    path=CertificatePath(),
    response=OwnCertificate(),
    failures=(CertificateNotFound(),),
)

ENDPOINTS = (
    _endpoint(
        name="own_certificate",
        method="GET",
        rule="/<tutorial_id>/certificate",
        view=own,
        access=Access.LEARNER,
        operation_id="getCertificate",
        summary="Get a learner's certificate for a tutorial",
        description="It is issued by the request that earns it, and stays the same after a reset.",
        path=TutorialPath(),
        body=LEARNER_BODY,
        response=OwnCertificate(),
        failures=(CertificateNotFound(),),
        response_example=examples.OWN,
    ),
    _endpoint(
        name="check_certificate",
        method="GET",
        rule=f"/certificates/{_ID}",
        view=check,
        access=Access.PUBLIC,
        operation_id="checkCertificate",
        summary="Check a certificate",
        description="Needs no token: anyone with the id may check the certificate. A browser gets "
        "a page. Of a revoked certificate the name of its holder is not shown.",
        path=CertificatePath(),
        response=PublicCertificate(),
        redirect="The id is not in its canonical form; Location has that form.",
        media_types=("application/json", _HTML),
        failures=(CertificateNotFound(), DatabaseUnavailable()),
        response_example=examples.PUBLIC,
    ),
    _of_certificate(
        name="revoke_certificate",
        rule=f"/certificates/{_ID}/revoke",
        view=revoke,
        operation_id="revokeCertificate",
        summary="Revoke a certificate",
        description="A certificate that is revoked already stays as it is.",
        body=_REVOCATION,
        request_example=examples.REVOCATION,
        response_example=examples.REVOKED,
    ),
    _of_certificate(
        name="reinstate_certificate",
        rule=f"/certificates/{_ID}/reinstate",
        view=reinstate,
        operation_id="reinstateCertificate",
        summary="Make a revoked certificate valid again",
        description="A certificate that is valid stays as it is.",
        body=NO_BODY,
        request_example={},
        response_example=examples.OWN,
    ),
    _endpoint(
        name="certificate_keys",
        method="GET",
        rule="/certificates/jwks",
        view=keys,
        access=Access.PUBLIC,
        operation_id="getCertificateKeys",
        summary="Get the public keys that verify credentials",
        description="Keys of earlier credentials stay in the set. It is empty if the service has "
        "no key.",
        response=KeySet(),
        media_types=(KEY_SET_TYPE,),
        response_example=examples.KEYS,
    ),
)
