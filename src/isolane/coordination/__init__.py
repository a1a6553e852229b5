"""Who is running what, and on how much."""
