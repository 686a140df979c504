"""`python -m inbench` is the command `inbench`."""

import sys

from inbench.cli import main

sys.exit(main())
