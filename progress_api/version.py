"""Version of the package, and of the API in its OpenAPI document."""

VERSION = "0.2.0"
