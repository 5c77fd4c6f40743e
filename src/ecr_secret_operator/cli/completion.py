"""`ecr-secret-operator completion`: scripts that complete the command in a shell; and the completion of the plugin.

kubectl completes `kubectl ecr` by a program named `kubectl_complete-ecr` on PATH. It runs the program with the words
after `kubectl ecr`, the last of which is to be completed and may be empty. The program prints one completion a line,
with a description after a tab, and at the end a colon with a directive, as Cobra defines them.

Sources: kubectl, `pkg/cmd/plugin/plugin_completion.go` (since 1.26); Cobra, `completions.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from ..domain.printable import one_line
from .naming import FILES, PLUGIN

_NO_SPACE, _NO_FILES = 2, 4
"""Cobra's directives: no space after the completion; no names of files instead of completions."""


@click.command(
    epilog="""\b
Examples:
  source <(ecr-secret-operator completion bash)
  ecr-secret-operator completion zsh > ~/.zfunc/_ecr-secret-operator
  ecr-secret-operator completion fish > ~/.config/fish/completions/ecr-secret-operator.fish"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the completion script for a shell.

    The script completes the installed command: ecr-secret-operator, or kubectl-ecr.

    The command kubectl ecr needs no script. kubectl completes it with the program kubectl_complete-ecr, which is
    installed together with kubectl-ecr. Both must be on PATH, and the completion of kubectl (1.26 or later) must be
    active: kubectl completion --help.
    """
    root = ctx.find_root()
    called = str(root.info_name)
    name = FILES.get(called, called)
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"click has no completion for {shell}")
    click.echo(kind(root.command, {}, name, f"_{name.replace('-', '_').upper()}_COMPLETE").source())


def kubectl_answer(group: click.Group, words: Sequence[str]) -> Iterator[str]:
    """The lines that kubectl expects of `kubectl_complete-ecr`.

    Args:
        group: the plugin's commands.
        words: those after `kubectl ecr`; the last one is to be completed.
    """
    *typed, incomplete = words or [""]
    found = ShellComplete(group, {}, PLUGIN, "").get_completions(list(typed), incomplete)
    plain = [one for one in found if one.type == "plain"]
    yield from (_line(one) for one in plain)
    directive = 0 if len(plain) < len(found) else _NO_FILES
    if any(one.value.endswith("/") for one in plain):
        directive |= _NO_SPACE
    yield f":{directive}"


def _line(item: CompletionItem) -> str:
    value = one_line(item.value)
    return f"{value}\t{one_line(item.help)}" if item.help else value
