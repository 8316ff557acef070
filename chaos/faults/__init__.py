"""Every fault of the table, in its order."""

from chaos.faults.service import WORKER_KILLED

ROWS = (WORKER_KILLED,)
