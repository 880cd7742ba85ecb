"""The command line: one module per command, each a thin layer over the package."""

from __future__ import annotations

import typer

from equiglass.commands.benchmark import benchmark
from equiglass.commands.cage import cage
from equiglass.commands.check import check
from equiglass.commands.combine import combine
from equiglass.commands.crossvalidate import crossvalidate
from equiglass.commands.demo import demo
from equiglass.commands.evaluate import evaluate
from equiglass.commands.examples import EXAMPLES, FIRST, epilog
from equiglass.commands.experiment import experiment
from equiglass.commands.export import export
from equiglass.commands.info import info
from equiglass.commands.label import label
from equiglass.commands.methods import methods
from equiglass.commands.predict import predict
from equiglass.commands.quench import quench
from equiglass.commands.report import report
from equiglass.commands.represent import represent
from equiglass.commands.simulate import simulate
from equiglass.commands.train import train
from equiglass.commands.transfer import transfer
from equiglass.commands.words import PathsCommand

app = typer.Typer(
    name="equiglass",
    help="Structural order parameters of glass-forming liquids.",
    epilog=epilog(FIRST)
    + "\n\nequiglass COMMAND --help shows more, and equiglass --debug COMMAND where an error comes from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    demo,
    train,
    crossvalidate,
    combine,
    evaluate,
    predict,
    transfer,
    represent,
    experiment,
    report,
    quench,
    cage,
    simulate,
    label,
    check,
    export,
    benchmark,
    methods,
    info,
)
for command in COMMANDS:
    app.command(cls=PathsCommand, epilog=epilog(EXAMPLES[command.__name__]))(command)
