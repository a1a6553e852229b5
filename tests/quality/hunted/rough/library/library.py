"""Imported from where it stands."""
