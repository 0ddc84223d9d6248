"""Parsing the command line, and turning what goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from bartleby.cli import branching, coding, collecting, completion, estimating, files, labelling
from bartleby.cli.configuration import configuration, prices_of
from bartleby.cli.exit_codes import FAILED, INTERRUPTED
from bartleby.cli.printing import Parser, log_lines, plain_warnings, say
from bartleby.errors import BartlebyError
from bartleby.progress import in_lines

__all__ = ["main"]

TRACEBACK = "BARTLEBY_TRACEBACK"
"""Environment variable with which an error that nobody foresaw is raised."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see `cli.exit_codes`)."""
    try:
        options = build_parser().parse_args(arguments)
        options.defaults = configuration()
        with in_lines(), plain_warnings(), log_lines(), prices_of(options.defaults):
            return int(options.run(options))
    except BartlebyError as error:
        say("".join(f"bartleby: error: {line}\n" for line in str(error).split("\n")), end="", error=True)
        return FAILED
    except KeyboardInterrupt as stopped:
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a third one has nothing left to stop
        said = str(stopped) or "interrupted; a run can be resumed with the same command"
        say(f"bartleby: {said}", error=True)
        if getattr(stopped, "abandoned", False):
            sys.stderr.flush()
            os._exit(INTERRUPTED)  # the thread that was left behind would be waited for
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads our output has heard enough (`| head`); say nothing more, not even on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # a traceback is never what a user is shown, unless it is asked for
        if os.environ.get(TRACEBACK):
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        say(
            f"bartleby: error: {said} (a file that is not understood, or a fault of Bartleby's: with "
            f"{TRACEBACK}=1 it says where; please report it)",
            error=True,
        )
        return FAILED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = Parser(
        prog="bartleby",
        description="Measure what language models would prefer not to do, with confidence intervals.",
        epilog="example: bartleby run task_preferences --model local/smollm2 --log runs/smollm2.db",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (files, collecting, branching, coding, labelling, estimating, completion):
        module.add_commands(commands)
    parser.set_defaults(parser=parser)
    return parser


class _Version(argparse.Action):
    """Show the version; it is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from bartleby import __version__

        say(f"bartleby {__version__}")
        parser.exit()
