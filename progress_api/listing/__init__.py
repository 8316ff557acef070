"""The list of a learner's tutorials."""
