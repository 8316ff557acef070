"""Every fault of the table, in its order."""

from chaos.faults import postgres, service, valkey

ROWS = (
    service.WORKER_KILLED,
    service.MASTER_KILLED,
    postgres.KILLED,
    postgres.FROZEN,
    postgres.SILENT,
    postgres.REFUSES,
    postgres.ONLY_READS,
    postgres.DISK_FULL,
    postgres.FAILED_OVER,
    *valkey.ROWS,
    valkey.FLUSHED,
)
