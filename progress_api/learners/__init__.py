"""Everything held about one learner: exported, or erased."""
