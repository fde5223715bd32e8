"""``python -m minicaffe`` is the command ``minicaffe``."""

import sys

from .cli import main

sys.exit(main())
