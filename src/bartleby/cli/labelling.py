"""`bartleby label`: a page on this machine on which people code conversations."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from bartleby.cli.arguments import add_command
from bartleby.cli.printing import say
from bartleby.errors import SettingError

if TYPE_CHECKING:
    from bartleby.cli.arguments import Commands

__all__ = ["add_commands"]


def add_commands(commands: Commands) -> None:
    """Add `label`."""
    label = add_command(
        commands,
        "label",
        _label,
        "label conversations by hand, on a page on this machine",
        "bartleby label runs/talks.db --store labels.db --labeller ann --sample 200",
    )
    label.add_argument(
        "source", nargs="?", help="what is to be labelled: a log, a file of conversations, a folder of them"
    )
    label.add_argument(
        "--store", required=True, help="file of the labels; made from SOURCE if it is not there"
    )
    label.add_argument("--labeller", metavar="NAME", help="who labels; each sees only their own labels")
    label.add_argument(
        "--codebook",
        default="apparent_distress",
        help="a .toml file, or a bundled one: apparent_distress, exit_verdict",
    )
    label.add_argument("--sample", type=int, metavar="N", help="label a random N (default: all)")
    label.add_argument("--stratify", metavar="COL", help="draw equally from each value of this column")
    label.add_argument("--codings", help="codings of a judge (.csv, ...): draw equally from its verdicts")
    label.add_argument("--code", help="code whose verdicts are the strata, with --codings")
    label.add_argument(
        "--context", type=int, metavar="LINES", help="lines shown before a turn (default: all)"
    )
    label.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    label.add_argument("--port", type=int, default=0, help="port on this machine (default: any that is free)")
    label.add_argument("--no-browser", action="store_true", help="only print the page's address")
    label.add_argument(
        "--export", metavar="FILE", help="write all labels as .csv, .jsonl or .parquet and end"
    )
    label.add_argument(
        "--import", dest="imported", metavar="FILE", help="add labels from a .csv or Label Studio"
    )


def _label(options: argparse.Namespace) -> int:
    from bartleby.verbs.coded import SourceCounts
    from bartleby.verbs.labelling import export_labels, import_labels, make_store

    store = Path(options.store)
    if not store.exists():
        if options.source is None:
            raise SettingError(
                f"{store}: is not there yet; say what is to be labelled: bartleby label SOURCE ..."
            )
        read = SourceCounts()
        count = make_store(
            options.source,
            store,
            codebook=options.codebook,
            sample=options.sample,
            stratify=options.stratify,
            codings=options.codings,
            code=options.code,
            context=options.context,
            seed=options.seed,
            counts=read,
        )
        say(f"{count} units to label in {store}, from {read}")
    if options.imported is not None:
        say(f"{import_labels(store, options.imported)} labels added to {store}")
    if options.export is not None:
        say(f"{export_labels(store, options.export)} labels written to {options.export}")
    if options.imported is None and options.export is None:
        _serve(store, options)
    return 0


def _serve(store: Path, options: argparse.Namespace) -> None:
    from bartleby.collectors.people.server import LabelServer
    from bartleby.collectors.people.store import opened

    if options.labeller is None:
        raise SettingError("--labeller: say who labels, so that labels of several people can be told apart")
    with opened(store) as labels:
        server = LabelServer(labels, options.labeller, options.port)
        try:
            say(f"Label at {server.address}\nEvery label is kept at once; Ctrl-C ends the page.")
            if not options.no_browser:
                webbrowser.open(server.address)
            server.serve()
        except KeyboardInterrupt:
            done = len(labels.done(options.labeller))
            text = f"\n{done} of {len(labels.units())} units labelled by {options.labeller}"
            say(text, error=True)
        finally:
            server.close()
