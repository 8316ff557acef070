"""The tables: their definition, their migrations, and how an existing database is adopted."""
