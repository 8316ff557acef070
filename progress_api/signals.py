"""Signals of what a service does; its metrics receive them (spec 9.3)."""

from blinker import Signal


class Signals:
    """The signals of one mounted service. They name no learner, and their sender is None."""

    def __init__(self) -> None:
        """Create signals without receivers."""
        self.connection_awaited = Signal("A database connection was awaited: `seconds`.")
        self.connections_in_use = Signal("Connections in use changed by `change` in 0.1 s.")
        self.schema_checked = Signal("`/readyz` has looked at the schema: `is_behind`.")
        self.limiter_store_changed = Signal("The store of the rate limits changed: `is_away`.")
        self.chapter_recorded = Signal("Chapters are committed: those `completed`, and `tenths`.")
        self.quiz_recorded = Signal("A quiz post is committed: `is_repeat`.")
        self.events_received = Signal("Events are recorded or refused: `counts`, in `tutorials`.")
        self.outline_written = Signal("An outline is written or removed.")
        self.certificate_issued = Signal("A new certificate is committed.")
        self.certificate_checked = Signal("Somebody looked at a certificate: `is_valid`.")
        self.certificate_revoked = Signal("A revocation is committed.")
        self.certificate_earned = Signal("A certificate is committed.")
