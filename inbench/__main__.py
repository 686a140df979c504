"""`python -m inbench` is the command `inbench`."""

import sys

from inbench.commands.cli import main

sys.exit(main())
