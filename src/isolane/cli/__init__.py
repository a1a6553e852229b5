"""The command line: parse, call a use case, exit with its code."""
