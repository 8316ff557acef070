"""The version of the package, and of the API in its description."""

VERSION = "0.2.0"
