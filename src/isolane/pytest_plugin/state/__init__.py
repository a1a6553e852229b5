"""What tests leave behind, as pytest's hooks see it."""
