"""Events that happened earlier, of many tutorials in one request."""
