"""The words every room speaks. Standard library only, no I/O."""
