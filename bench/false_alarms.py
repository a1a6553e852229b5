"""What the sensors tell of suites that other people wrote: how many tests left something that others may see.

    nice python bench/false_alarms.py [--suites jinja2,click]

Each suite is run once, in one process, with ``--isolane-leaks=report``. Printed are the tests and fixtures that are
told, and the places that they changed, the most frequent first: whether that is state that can change a result is for a
person to say. docs/leaks.md has the table with that judgement; the goal is under one false alarm in 500 tests.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter

import suites

TOLD = re.compile(
    r"^(?P<owner>fixture \S+ of \S+|\S+::.+?|module \S+): (?P<kind>[a-z_]+) "
    r"(?P<name>[^\[:]+).*\((?:suspect|dangerous)\)$"
)
SHOWN = 6


def main() -> None:
    """Run the suites and print what is told of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", default="", help="names, with commas; all of them where none is given")
    names = [name for name in parser.parse_args().suites.split(",") if name]
    way = suites.Way("fork", ("-n", "0", "--isolane-leaks=report"), suites.isolane_overlay())
    for prepared in suites.prepared_suites(names):
        finished = suites.run(prepared, way)
        found = [match for line in finished.output.splitlines() if (match := TOLD.match(line))]
        owners = {match["owner"] for match in found}
        print(f"{prepared.suite.name}: {len(owners)} told of {suites.tests_of(finished)} tests", flush=True)
        places = Counter((match["kind"], match["name"]) for match in found)
        for (kind, name), count in places.most_common(SHOWN):
            print(f"    {count:5} {kind} {name}", flush=True)


if __name__ == "__main__":
    main()
