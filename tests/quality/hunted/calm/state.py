"""What the tests of this suite leave to each other."""

zone = ""
halves: set[str] = set()
thirds: set[str] = set()
codes = ["a", "b"]
rates = {"bus": 1}
fares = {"bus": 2}
ready = False
user = ""
locked = False
imported: list[str] = []
