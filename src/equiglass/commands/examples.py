"""Examples of every command, shown by ``equiglass`` and ``equiglass COMMAND --help``."""

from __future__ import annotations

FIRST = (
    "equiglass demo",
    "equiglass predict kalj-T0.44 my.xyz",
    "equiglass predict kalj-T0.44 my.xyz -o out.xyz",
    "equiglass train --data DIR --out RUN",
)
"""Where a newcomer begins."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("equiglass demo", "equiglass demo --out my-demo"),
    "train": (
        "equiglass train --data data.h5 --out RUN",
        "equiglass train --method ridge --data data.h5 --out RUN",
        "equiglass train --data train/*.h5 --out RUN --members 5 --set epochs=20",
        "equiglass train --data data.h5 --out RUN --resume",
    ),
    "crossvalidate": (
        "equiglass crossvalidate --data data.h5 --out cv --json scores.json",
        "equiglass crossvalidate --method boattini --data data.h5 --out cv --figures figures",
    ),
    "combine": ("equiglass combine OUT --member ridge:cv-ridge network:cv-network --data data.h5 --json scores.json",),
    "evaluate": (
        "equiglass evaluate RUN --data new.h5",
        "equiglass evaluate RUN --data new.h5 --json scores.json --figures figures",
    ),
    "predict": (
        "equiglass predict kalj-T0.44 my.xyz",
        "equiglass predict kalj-T0.44 my.xyz --figure field.png",
        "equiglass predict kalj-T0.44 my.xyz -o out.xyz",
        "equiglass predict RUN run.dump --frames 0:1000:10 --types Ni,P -o out.xyz",
    ),
    "transfer": ("equiglass transfer RUN-T0.5 RUN-T0.64 --data T0.5.h5 T0.64.h5 --out transfer",),
    "represent": ("equiglass represent RUN --data data.h5 --out structures",),
    "experiment": (
        "equiglass experiment --list",
        "equiglass experiment inputs --out results --quick",
    ),
    "report": ("equiglass report RUN --data new.h5 --out report.html",),
    "quench": (
        "equiglass quench my.xyz -o quenched.h5",
        "equiglass quench run.dump --frames ::10 -o quenched.h5",
    ),
    "cage": (
        "equiglass cage quenched.h5 -o cages.h5",
        "equiglass cage run.dump --temperature 0.5 --potential kob-andersen -o cages.h5",
    ),
    "simulate": (
        "equiglass simulate --list",
        "equiglass simulate protocol.yaml --out dataset",
    ),
    "label": (
        "equiglass label start.data --runs run-*.dump --timestep 0.005 -o data.h5",
        "equiglass label start.gsd --runs run-*.gsd --timestep 0.005 -o data.h5",
    ),
    "check": ("equiglass check data.h5", "equiglass check new.h5 --against old.h5 --out checks"),
    "export": ("equiglass export RUN -o model",),
    "benchmark": (
        "equiglass benchmark step",
        "equiglass benchmark inference --particles 100000 --json inference.json",
    ),
    "methods": ("equiglass methods",),
    "info": ("equiglass info", "equiglass info kalj-T0.44"),
}
"""Command lines by command. The files are those of the reader."""


def epilog(lines: tuple[str, ...]) -> str:
    """Example lines as the end of a help page; an empty line separates paragraphs there."""
    return "\n\n".join(["Examples:", *(f"  {line}" for line in lines)])
