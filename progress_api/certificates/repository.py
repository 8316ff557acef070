"""Read, revoke and reinstate certificates, over HTTP or from Python."""

from typing import Any

from progress_api.certificates import statements
from progress_api.certificates.ids import canonical_id
from progress_api.certificates.records import Certificate, certificate_of
from progress_api.database import Repository, Statements
from progress_api.exceptions import CertificateNotFound
from progress_api.validation import MAX_TITLE_LENGTH, require_ids, require_texts


class CertificateRepository(Repository):
    """Read, revoke and reinstate certificates; `ProgressRepository.complete` issues them.

    On an engine, each call is committed when it returns; one that finds nothing to change reads in
    a transaction of its own. On a session, each call is part of the session's transaction and is
    committed or rolled back with it.
    """

    def get(self, user_id: str, tutorial_id: str) -> Certificate:
        """Return a learner's certificate for a tutorial (spec 14.3).

        Args:
            user_id: 1 to 255 characters.
            tutorial_id: 1 to 255 characters.

        Raises:
            InvalidFields: an id is invalid.
            CertificateNotFound: the learner has none.
            DatabaseUnavailable: the database cannot respond now.
        """
        require_ids(user_id=user_id, tutorial_id=tutorial_id)
        learner = {"of_user": user_id, "of_tutorial": tutorial_id}
        row = self._executor.run(statements.GET_CERTIFICATE.batch(learner))
        if row is None:
            raise CertificateNotFound
        return certificate_of(row)

    def find(self, certificate_id: str) -> Certificate:
        """Return a certificate by its public id (spec 14.4).

        Args:
            certificate_id: read leniently.

        Raises:
            CertificateNotFound: no certificate has this id, or the id is malformed.
            DatabaseUnavailable: the database cannot respond now.
        """
        certificate = self._found(certificate_id)
        self._signals.certificate_checked.send(is_valid=certificate.is_valid)
        return certificate

    def revoke(self, certificate_id: str, reason: str) -> Certificate:
        """Revoke a certificate and return it; a revoked one is unchanged (spec 14.6).

        Args:
            certificate_id: read leniently.
            reason: 1 to 500 characters; shown to the learner, never to the public.

        Raises:
            InvalidFields: the reason is invalid.
            CertificateNotFound: no certificate has this id, or the id is malformed.
            DatabaseUnavailable: the database cannot respond now.
        """
        require_texts(MAX_TITLE_LENGTH, reason=reason)
        revoked = self._run(statements.REVOKE_CERTIFICATE, certificate_id, reason=reason)
        if revoked:
            self._executor.after_commit(self._signals.certificate_revoked.send)
        return revoked or self._found(certificate_id)

    def reinstate(self, certificate_id: str) -> Certificate:
        """Make a revoked certificate valid again and return it; a valid one is unchanged.

        Args:
            certificate_id: read leniently.

        Raises:
            CertificateNotFound: no certificate has this id, or the id is malformed.
            DatabaseUnavailable: the database cannot respond now.
        """
        reinstated = self._run(statements.REINSTATE_CERTIFICATE, certificate_id)
        return reinstated or self._found(certificate_id)

    def _found(self, certificate_id: str) -> Certificate:
        certificate = self._run(statements.FIND_CERTIFICATE, certificate_id)
        if certificate is None:
            raise CertificateNotFound
        return certificate

    def _run(self, batch: Statements, text: str, **values: Any) -> Certificate | None:
        certificate_id = canonical_id(text)
        if certificate_id is None:
            raise CertificateNotFound
        row = self._executor.run(batch.batch({"of_certificate": certificate_id, **values}))
        return certificate_of(row) if row else None
