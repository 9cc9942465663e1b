"""What all commands expect of their options: each one is given once, and env steps may be written as 1e5."""

from typing import Any

import typer
from typer.core import TyperCommand

from arl.errors import InputError
from hpo.cli import parsing


class Once(TyperCommand):
    """A command that refuses an option that is given twice, of which the last would count silently."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option in given:
            if given.count(option) > 1 and option.param_type_name == "option" and not option.multiple:
                raise InputError(f"{option.opts[0]} must be given once, got it twice")
        return super().parse_args(ctx, args)


class App(typer.Typer):
    """A typer app whose commands are `Once`."""

    def command(self, *args: Any, **kwargs: Any) -> Any:
        """Register a command."""
        return super().command(*args, cls=Once, **kwargs)


def env_steps(text: str) -> int:
    """Return a number of env steps, which may be written as `1e5`.

    Raises:
        typer.BadParameter: it is no whole number.
    """
    try:
        return parsing.whole(text)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error
