"""Measure what a request costs, compared with a common alternative.

The service itself never imports this package.
"""
