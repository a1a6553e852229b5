"""The pytest face: hooks and options only; what they do is decided elsewhere."""
