"""Define the tables, migrate them, and adopt a database whose tables were created by hand."""
