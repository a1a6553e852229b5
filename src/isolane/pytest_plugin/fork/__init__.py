"""What the fork engine means to pytest: the controller's plugin, and what happens in a worker."""
