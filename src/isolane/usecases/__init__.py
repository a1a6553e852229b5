"""All wiring is here, one file a verb."""
