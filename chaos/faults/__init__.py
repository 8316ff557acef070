"""Every fault of the table, in its order."""

from chaos.faults import clients, postgres, service, valkey

# Those that need the same servers are beside each other.
ROWS = (
    service.WORKER_KILLED,
    service.MASTER_KILLED,
    postgres.KILLED,
    postgres.FROZEN,
    postgres.REFUSES,
    postgres.ONLY_READS,
    *valkey.ROWS,
    service.MIGRATED,
    postgres.SILENT,
    postgres.UNHEARD,
    postgres.FAILED_OVER,
    postgres.DISK_FULL,
    service.CLOCK_BACK,
    service.RELOADED,
    service.RESTARTED,
    *clients.ROWS,
)
