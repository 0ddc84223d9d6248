"""The `bartleby` command, also `python -m bartleby`: it answers Ctrl-C while it is still being imported."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit code (see `cli.exit_codes`)."""
    try:
        from bartleby.cli.main import main as run
    except KeyboardInterrupt:
        # `signal` is written in Python, and its import could be interrupted likewise.
        import _signal  # type: ignore[import-not-found]

        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        sys.stderr.write("bartleby: interrupted; a run can be resumed with the same command\n")
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
