"""One file a kind of state: how to see it, and how to keep it apart, side by side."""
