"""What a test leases from outside its process."""
