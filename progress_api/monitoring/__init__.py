"""Metrics, log lines and health checks."""
