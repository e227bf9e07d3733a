"""The command: ``python -m jaxopt_slides race --landscape saddle --out race.gif``."""

import sys

from jaxopt_slides.cli import main

if __name__ == "__main__":
    sys.exit(main())
