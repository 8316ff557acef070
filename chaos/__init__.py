"""Break the service on purpose under load, and count what learners lose.

The service itself never imports this package.
"""
