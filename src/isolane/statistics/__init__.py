"""Pure mathematics: what a number of runs can and cannot say."""
