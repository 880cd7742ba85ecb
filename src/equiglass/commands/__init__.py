"""The command line: one module a command, each a thin layer over the package."""

from __future__ import annotations

import typer

from equiglass.commands.benchmark import benchmark
from equiglass.commands.crossvalidate import crossvalidate
from equiglass.commands.demo import demo
from equiglass.commands.evaluate import evaluate
from equiglass.commands.export import export
from equiglass.commands.info import info
from equiglass.commands.predict import predict
from equiglass.commands.quench import quench
from equiglass.commands.report import report
from equiglass.commands.simulate import simulate
from equiglass.commands.train import train

app = typer.Typer(
    name="equiglass",
    help="Structural order parameters of glass-forming liquids.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (demo, train, crossvalidate, evaluate, report, predict, quench, simulate, export, benchmark, info):
    app.command()(command)
