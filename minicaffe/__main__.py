"""``python -m minicaffe`` is the command ``minicaffe``."""

import sys


def main() -> int:
    """The command, which an interrupt may end before it is even loaded."""
    try:
        from .cli import main as command
    except KeyboardInterrupt:
        return 130
    return command()


if __name__ == "__main__":
    sys.exit(main())
