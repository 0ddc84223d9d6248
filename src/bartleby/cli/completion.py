"""`bartleby completion`: what a shell needs to complete commands, options and their values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bartleby.cli.arguments import add_command
from bartleby.cli.printing import say

if TYPE_CHECKING:
    from bartleby.cli.arguments import Commands

__all__ = ["add_commands", "script"]

BASH = """_bartleby() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" path="" words="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${{COMP_WORDS[i]}}" in
{paths}
        esac
    done
    case "$path|$before" in
{values}
    esac
    if [ -z "$words" ]; then case "$path" in
{words}
    esac; fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [ ${{#COMPREPLY[@]}} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$word")); fi
}}
complete -o filenames -F _bartleby bartleby
"""
ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    completion = add_command(
        commands,
        "completion",
        _completion,
        "print what a shell needs to complete this command",
        'eval "$(bartleby completion bash)", in ~/.bashrc',
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _completion(options: argparse.Namespace) -> int:
    say(script(options.parser, options.shell), end="")
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of a shell that completes what a parser knows."""
    if shell == "fish":
        return "".join(f"{line}\n" for line in _fish(parser))
    paths, values, words = [], [], []
    for path, command in _commands(parser, ""):
        if path:
            paths.append(f'            "{path}") path="{path}";;')
        named = [option for action in command._actions for option in action.option_strings]
        words.append(f'        "{path}") words="{" ".join([*_subcommands(command), *named])}";;')
        for action in command._actions:
            if action.choices and action.option_strings:
                marks = "|".join(f'"{path}|{option}"' for option in action.option_strings)
                values.append(f'        {marks}) words="{" ".join(map(str, action.choices))}";;')
    filled = BASH.format(paths="\n".join(paths), values="\n".join(values), words="\n".join(words))
    return ZSH + filled if shell == "zsh" else filled


def _commands(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield a parser and all below it, with the words that lead there."""
    yield path, parser
    for name, command in _subcommands(parser).items():
        yield from _commands(command, f"{path} {name}")


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return {
        name: command
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, command in action.choices.items()
    }


def _fish(parser: argparse.ArgumentParser) -> Iterator[str]:
    for path, command in _commands(parser, ""):
        last = path.split()[-1] if path else ""
        where = f"__fish_seen_subcommand_from {last}" if path else "__fish_use_subcommand"
        for name in _subcommands(command):
            yield f"complete -c bartleby -n '{where}' -a {name}"
        for action in command._actions:
            for option in action.option_strings:
                kind, name = ("-l", option[2:]) if option.startswith("--") else ("-s", option[1:])
                known = f" -x -a '{' '.join(map(str, action.choices))}'" if action.choices else ""
                yield f"complete -c bartleby -n '{where}' {kind} {name}{known}"
