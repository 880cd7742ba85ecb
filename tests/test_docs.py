"""The code blocks of the documentation: Python runs, commands are those of the command line, links lead somewhere.

A block that cannot run here follows a comment ``<!-- not run: why -->``. Its commands are still checked. Of a block
without a language, such as a summary of options, the commands are only checked.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import typer
import yaml

import equiglass
from equiglass.commands import app
from equiglass.experiments.declaration import read_declaration
from equiglass.liquid.system import System
from equiglass.methods.loading import read_configuration
from equiglass.simulate.protocol import load_protocol
from samples.command import run
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid
from test_label import CALM, START, dump, gsd_file, xyz

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.name: path for path in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
}
OWN_TEST = {
    "README.md": "test_readme",
    "architecture.md": "test_architecture_docs",
    "observables.md": "test_observables_docs",
    "ovito.md": "test_ovito",
}
"""Pages whose Python blocks run in a test of their own."""

SMALL = "epochs=1", "architecture.l_max=1", "architecture.layers=2", "architecture.channels=2"
"""Settings of the networks that the commands of the pages train here."""


class Block(NamedTuple):
    """A code block: its page, the number of its line, its language, its text, and why it is not run."""

    page: str
    line: int
    language: str
    text: str
    not_run: str


def blocks() -> Iterator[Block]:
    """The fenced blocks of all pages, and those that are indented."""
    fence = re.compile(r"(?:<!-- not run: ([^>]*?) -->\n)?^```([\w{}-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for name, path in PAGES.items():
        text = path.read_text(encoding="utf-8")
        for found in fence.finditer(text):
            reason, language, code = found.groups()
            yield Block(name, text.count("\n", 0, found.start()) + 1, language, code, reason or "")
        for found in re.finditer(r"(?:(?<=\n\n)|\A)(?:    [^\n]+\n)+", fence.sub("", text)):
            if not re.match(r"    [-*\d]", found[0]):
                yield Block(name, 0, "sh", re.sub("^    ", "", found[0], flags=re.MULTILINE), "")


BLOCKS = list(blocks())


def of(*languages: str) -> list[object]:
    """The blocks of some languages, as parameters of a test."""
    return [pytest.param(b, id=f"{b.page}:{b.line}") for b in BLOCKS if b.language in languages]


def words_of(text: str) -> Iterator[list[str]]:
    """The words of every equiglass command of a shell block."""
    text = re.sub(r"\\\n\s*|\n {12,}(?=\[)", " ", text)
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*|\.\.\.| \$\w+", "", line)
        # Of a summary of options: what is optional is there, N is a number, and of alternatives the first is taken.
        line = re.sub(r"\[((?:--)?\w[^\]=]*(?:=[^\]]*)?)\](?=\s|$)", r"\1", line)
        line = re.sub(r"(?<=\w)\|[\w|]+", "", re.sub(r"(?<=\s)N(?=\s|$)", "2", line))
        found = re.search(r"(?:^|\s)(?:-m )?equiglass (?=[a-z])(.*)", line)
        if found and not line.lstrip().startswith(("pip", "uv")):
            yield shlex.split(found[1])


def test_every_language_is_checked() -> None:
    known = {"python", "{code-cell}", "sh", "yaml", "", "text", "make"}
    assert {b.language for b in BLOCKS if not b.language.startswith("{")} <= known
    assert not any(b.not_run for b in BLOCKS if b.language not in ("python", "sh"))


@pytest.mark.parametrize("block", of("sh", ""))
def test_commands_and_options_exist(block: Block) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for words in words_of(block.text):
        name, *rest = [word for word in words if word not in ("--debug", "--help")]
        assert name in commands, f"there is no command {name}"
        if "--list" in rest:
            continue
        commands[name].make_context(name, rest).close()


@pytest.mark.parametrize("block", of("yaml"))
def test_settings_are_valid(block: Block, tmp_path: Path) -> None:
    (tmp_path / "shown.yaml").write_text(block.text, encoding="utf-8")
    if block.page == "training.md":
        read_configuration(tmp_path / "shown.yaml")
    elif block.page == "experiments.md":
        read_declaration(str(tmp_path / "shown.yaml"))
    else:
        whole = yaml.safe_load(next(b.text for b in BLOCKS if b.page == "simulate.md" and b.language == "yaml"))
        (tmp_path / "shown.yaml").write_text(yaml.safe_dump(whole | yaml.safe_load(block.text)), encoding="utf-8")
        load_protocol(tmp_path / "shown.yaml")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages name, each small."""
    folder = tmp_path_factory.mktemp("made")
    for number, name in enumerate(("T0.44", "T0.56", "T0.64", "T0.44/train", "DIR")):
        (folder / name).mkdir()
        temperature = float(name[1:5]) if name.startswith("T") else 0.5
        liquids = [replace(labelled_liquid(10 * number + k), temperature=temperature) for k in range(6)]
        equiglass.save(liquids, folder / name / "data.h5")
    for name in ("data.h5", "other.h5"):
        equiglass.save(liquids, folder / name)
    cold = equiglass.quench(replace(random_liquid(200, seed=4), temperature=0.44))
    assert cold.positions_inherent is not None
    shaken = cold.positions_inherent + np.random.default_rng(0).normal(0, 0.06, (200, 3))
    equiglass.save(replace(cold, positions=shaken % cold.box, positions_inherent=None), folder / "my.xyz")
    equiglass.save(START, folder / "start.xyz")
    write_lammps_data(folder / "start.data", START)
    for k in range(3):
        dump(folder / f"run{k}.dump", CALM[:, k])
        (folder / f"run{k}").mkdir()
        dump(folder / f"run{k}" / "dump.lammpstrj", CALM[:, k])
        xyz(folder / f"run{k}.xyz", CALM[:, k])
    if find_spec("gsd"):
        still = np.zeros((3, 216, 3))
        gsd_file(folder / "start.gsd", still, frames=1)
        for k in range(3):
            gsd_file(folder / f"run{k}.gsd", CALM[:, k])
    (folder / "run.yaml").write_text("seed: 2\n", encoding="utf-8")
    equiglass.train(liquids[:4], folder / "RUN", read_configuration(overrides=[*SMALL, "fold=0"]))
    (folder / "RESULTS").mkdir()
    (folder / "RESULTS" / "table.csv").write_text("type,rho\nA,0.5\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a page."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_lammps_data(path: Path, system: System) -> None:
    particles = zip(system.types, system.positions, strict=True)
    rows = [f"{i} {kind + 1} {x} {y} {z}" for i, (kind, (x, y, z)) in enumerate(particles, start=1)]
    sides = [f"0 {side!r} {axis}lo {axis}hi" for axis, side in zip("xyz", system.box.tolist(), strict=True)]
    head = [f"{len(rows)} atoms", "2 atom types", *sides]
    path.write_text("\n".join(["LAMMPS data", "", *head, "", "Atoms # atomic", "", *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize("page", sorted({b.page for b in BLOCKS if b.language == "python"} - set(OWN_TEST)))
def test_python_runs(page: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    liquid = labelled_liquid(0)
    names: dict[str, object] = {"np": np, "equiglass": equiglass, "System": equiglass.System}
    names |= {"types": liquid.types, "positions": liquid.positions, "box": liquid.box, "propensity": liquid.propensity}
    names |= objects_of_other_packages() if page == "data.md" else {}
    for block in (b for b in BLOCKS if b.page == page and b.language == "python"):
        code = compile(block.text, f"{page}:{block.line}", "exec")
        if block.not_run:
            continue
        try:
            exec(code, names)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("equiglass"):
                raise
            pytest.skip(f"{error.name} is not installed")
        except equiglass.SetupError as error:
            # The package names the program that is missing.
            pytest.skip(str(error))


def objects_of_other_packages() -> dict[str, object]:
    """A configuration as an object of ASE, GSD and OVITO."""
    liquid = labelled_liquid(0)
    pytest.importorskip("ase")
    hoomd, ovito = pytest.importorskip("gsd.hoomd"), pytest.importorskip("ovito", exc_type=ImportError)
    frame = hoomd.Frame()
    frame.configuration.box = [*liquid.box, 0, 0, 0]
    frame.particles.N, frame.particles.types, frame.particles.typeid = liquid.n_particles, ["A", "B"], liquid.types
    frame.particles.position = liquid.positions - liquid.box / 2
    equiglass.save(liquid, "one.xyz")
    return {"atoms": liquid.to_ase(["Ni", "P"]), "frame": frame, "pipeline": ovito.io.import_file("one.xyz")}


def test_the_pages_with_tests_of_their_own_are_executed_there() -> None:
    for page, module in OWN_TEST.items():
        assert page in (ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8")
        importlib.import_module(module)


@pytest.mark.parametrize("page", sorted({b.page for b in BLOCKS if b.language == "sh" and not b.not_run}))
def test_the_commands_run(page: str, folder: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in (b for b in BLOCKS if b.page == page and b.language == "sh" and not b.not_run):
        for words in words_of(block.text):
            if any(".gsd" in word for word in words) and not find_spec("gsd"):
                continue
            words = [name for word in words for name in (sorted(glob(word)) if "*" in word else [word])]
            if words[0] in ("train", "crossvalidate") and "--method" not in words:
                words += [part for setting in SMALL for part in ("--set", setting)]
            clear_of(made, words)
            # The liquids of this test are no liquids in equilibrium.
            assert run(*words) in ((0, 1) if words[0] == "check" else (0,)), " ".join(words)


def clear_of(made: Path, words: list[str]) -> None:
    """Remove what the page finds under the name that this command writes to."""
    for option in ("--out", "-o"):
        if option in words and (made / (name := words[words.index(option) + 1])).is_dir():
            shutil.rmtree(name)


def test_links_lead_to_files_and_headings() -> None:
    for name, path in PAGES.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)):
            if "://" in link:
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), f"{name}: {link}"
            if anchor and target.suffix == ".md":
                assert anchor in headings(target.read_text(encoding="utf-8")), f"{name}: {link}"


def headings(text: str) -> set[str]:
    """The anchors that GitHub and MyST give to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_every_equation_names_what_computes_it() -> None:
    page = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    parts = re.findall(r"^\(eq-([\w-]+)\)=\n(.*?)(?=^\(eq-|^#|\Z)", page, re.MULTILINE | re.DOTALL)
    labels = [label for label, _ in parts]
    assert [label for label in labels if label.isdigit()] == [*"1234", *map(str, range(13, 29))]
    for label, text in parts:
        assert f"\\tag{{{label}}}" in text
    for role, name in re.findall(r"\{py:(\w+)\}`([\w.]+)`", page):
        module, _, member = name.rpartition(".")
        if role == "mod":
            importlib.import_module(name)
        else:
            assert callable(getattr(importlib.import_module(module), member)), name
    for label, text in parts:
        for name in re.findall(r"\{py:(?:func|class)\}`([\w.]+)`", text) if label.isdigit() else ():
            module, _, member = name.rpartition(".")
            documentation = inspect.getdoc(getattr(importlib.import_module(module), member))
            assert re.search(rf"[Ee]qs?\. [\d and]*\b{label}\b", documentation), f"{name} does not name eq. {label}"
    without = {"2", "13", "15"}
    assert {label for label, text in parts if "{py:" not in text} == without
