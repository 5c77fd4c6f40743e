"""`ecr-secret-operator completion`: what a shell has to evaluate to complete the command's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .naming import FILES


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

    As a plugin of kubectl it is for the command kubectl-ecr: kubectl itself asks its plugins in another way.
    """
    root = ctx.find_root()
    called = str(root.info_name)
    name = FILES.get(called, called)
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"click has no completion for {shell}")
    click.echo(kind(root.command, {}, name, f"_{name.replace('-', '_').upper()}_COMPLETE").source())
