"""Reports about tutorials, for teachers."""
