"""Commands: the command line, and what it does beside running and reading."""
