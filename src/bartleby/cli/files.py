"""`bartleby init`, `new`, `studies` and `wordings`."""

from __future__ import annotations

import argparse
import json
import shlex
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
        "lay out a research folder of your own, with one study that runs at once",
        "bartleby init my_research",
    )
    init.add_argument("folder", help="folder to make; what is there already is left as it is")
    _add_paradigm(init)
    init.add_argument(
        "--examples", action="store_true", help="also write the studies that come with Bartleby"
    )
    new = add_command(
        commands,
        "new",
        _new,
        "write a study of your own that runs at once: declaration, items, analysis, notebook",
        "bartleby new my_study --paradigm exit",
    )
    new.add_argument("name", help="name of the study and of its files")
    _add_paradigm(new)
    new.add_argument("--folder", default=".", metavar="DIR", help="research folder (default: this one)")
    studies = add_command(
        commands,
        "studies",
        _studies,
        "list the studies of this folder and those that come with Bartleby",
        "bartleby studies",
    )
    studies.add_argument("--json", action="store_true", help="print JSON")
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


def _add_paradigm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--paradigm",
        default="choice",
        metavar="KIND",
        help="choice (two tasks, one is taken), opt-out (a task that can be declined), exit (a conversation "
        "that can be left), self-report (the same, with questions before and after) (default: choice)",
    )


def _init(options: argparse.Namespace) -> int:
    from bartleby.verbs.research import FIRST, init

    for path in init(options.folder, paradigm=options.paradigm, examples=options.examples):
        say(path)
    folder = shlex.quote(options.folder)
    say(f"\nnext: cd {folder} && bartleby check studies/{FIRST}.py --model local/smollm2")
    return 0


def _new(options: argparse.Namespace) -> int:
    from bartleby.verbs.research import new

    made = new(options.name, options.paradigm, folder=options.folder)
    for path in made:
        say(path)
    study, analysis = (shlex.quote(str(path)) for path in (made[0], made[-2]))
    say(f"\nnext: bartleby check {study} --model local/smollm2, or at once: python {analysis}")
    return 0


def _studies(options: argparse.Namespace) -> int:
    from bartleby.studies.load import available, load

    broken, listed = [], []
    for file in available():
        try:
            study = load(file)
            about = {"name": study.name, "trials": study.count(), "title": study.title, "file": str(file)}
        except BartlebyError as error:
            broken.append(f"{file}: {error}")
            continue
        listed.append(about)
        if not options.json:
            say(f"{study.name:<24}{about['trials']:>8,} trials  {study.title or ''}  ({file})")
    if options.json:
        say(json.dumps({"studies": listed, "broken": broken}, ensure_ascii=False), json=True)
    if broken:
        raise StudyError("\n".join(broken))
    return 0
