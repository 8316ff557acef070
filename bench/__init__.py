"""What a request costs, beside what a team would use instead; never part of the service."""
