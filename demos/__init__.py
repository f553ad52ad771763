"""Programs: arguments in, pictures and numbers out. Run one with `python -m demos.NAME --help`."""
