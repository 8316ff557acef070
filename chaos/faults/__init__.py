"""All rows of the table, in order."""

from chaos.faults import clients, machines, postgres, service, valkey

# Adjacent rows with the same needs share their servers.
ROWS = (
    service.WORKER_KILLED,
    service.BATCH_KILLED,
    clients.RESPONSES_LOST,
    clients.TWO_DEVICES,
    service.MASTER_KILLED,
    postgres.KILLED,
    postgres.FROZEN,
    postgres.CONNECTIONS_REFUSED,
    postgres.READ_ONLY,
    *valkey.ROWS,
    service.MIGRATED,
    postgres.NETWORK_HANGS,
    postgres.RESPONSES_LOST,
    postgres.FAILED_OVER,
    postgres.DISK_FULL,
    service.CLOCK_BACK,
    service.RELOADED,
    service.RESTARTED,
    *clients.ROWS,
    *machines.ROWS,
)
