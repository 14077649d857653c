"""The command: `eigenwave`, or `python -m eigenwave`."""

from eigenwave import __version__


def main() -> None:
    """Run the command line and exit with its status."""
    import eigenwave.installed  # noqa: F401 - before anything of flows
    from flows.cli import command

    command.main(__version__)


if __name__ == "__main__":
    main()
