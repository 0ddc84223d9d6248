"""`bartleby init`, `bartleby studies` and `bartleby wordings`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bartleby.cli.arguments import add_command
from bartleby.cli.printing import say
from bartleby.errors import BartlebyError, StudyError

if TYPE_CHECKING:
    from bartleby.cli.arguments import Commands

__all__ = ["add_commands"]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    init = add_command(
        commands,
        "init",
        _init,
        "lay out a research folder of your own, with one working study",
        "bartleby init my_research",
    )
    init.add_argument("folder", help="folder to make; what is there already is left as it is")
    add_command(
        commands,
        "studies",
        _studies,
        "list the studies of this folder and those that come with Bartleby",
        "bartleby studies",
    )
    wordings = add_command(
        commands,
        "wordings",
        _wordings,
        "show every text that a paradigm or a study may show a model",
        "bartleby wordings task_choice, or bartleby wordings studies/mine.py",
    )
    wordings.add_argument(
        "of", nargs="?", help="task_choice, opt_out, end_conversation, or a study (default: all paradigms)"
    )


def _wordings(options: argparse.Namespace) -> int:
    from bartleby.studies.catalogue import PARADIGMS, wordings
    from bartleby.studies.load import load

    say(wordings(options.of if options.of in (None, *PARADIGMS) else load(options.of)))
    return 0


def _init(options: argparse.Namespace) -> int:
    from bartleby.verbs.research import init

    for path in init(options.folder):
        say(path)
    say(f"\nnext: cd {options.folder} && bartleby check studies/task_preferences.py")
    return 0


def _studies(_: argparse.Namespace) -> int:
    from bartleby.studies.load import available, load

    broken = []
    for file in available():
        try:
            study = load(file)
            say(f"{study.name:<24}{study.count():>8,} trials  {study.title or ''}  ({file})")
        except BartlebyError as error:
            broken.append(f"{file}: {error}")
    if broken:
        raise StudyError("\n".join(broken))
    return 0
