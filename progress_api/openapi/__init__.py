"""What the service says of itself: its OpenAPI document, and the page to try it on."""
