"""The tables distributed by learner: the command, and the service on them (spec 17)."""
