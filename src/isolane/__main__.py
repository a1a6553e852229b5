"""``python -m isolane``: the command line, for an interpreter that has isolane but not its script."""

import sys

from isolane.cli.main import main

sys.exit(main())
