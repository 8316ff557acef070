"""Breaks the service on purpose while learners use it, and counts what they lost."""
