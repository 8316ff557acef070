"""The OpenAPI document of the service, and the page to try the service on."""
