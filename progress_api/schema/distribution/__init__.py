"""Distribute the tables by learner, on Citus."""

from progress_api.schema.distribution.distribute import MAX_LOCK, Plan, distribute, plan
from progress_api.schema.distribution.sql import script

__all__ = ["MAX_LOCK", "Plan", "distribute", "plan", "script"]
