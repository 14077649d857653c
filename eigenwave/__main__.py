"""The command: `eigenwave`, or `python -m eigenwave`."""

import sys

from eigenwave import __version__

INTERRUPTED = 130  # the status that a shell reports for a command ended by Ctrl-C


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        import eigenwave.installed  # noqa: F401 - before anything of flows
        from flows.cli import command
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ImportError as error:
        if "--debug" in sys.argv:
            raise
        sys.exit(f"eigenwave: {error}{'' if str(error).endswith('.') else '; install eigenwave again.'}")
    command.main(__version__)


if __name__ == "__main__":
    main()
