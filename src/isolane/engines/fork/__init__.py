"""The fork engine: collect once, fork workers from what was collected."""
