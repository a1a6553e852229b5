"""The application that the planted tests are of."""
