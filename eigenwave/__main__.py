"""The command: `eigenwave`, or `python -m eigenwave`."""

import sys

from eigenwave import __version__


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        import eigenwave.installed  # noqa: F401 - before anything of flows
    except ImportError as error:
        sys.exit(f"eigenwave: {error}")
    from flows.cli import command

    command.main(__version__)


if __name__ == "__main__":
    main()
