"""Make the files of this folder, each with the code of the commit that it is named after.

    python tests/stored/make.py OUT                     all files, in a new folder OUT
    PYTHONPATH=CHECKOUT/src python make.py PART OUT     one part, with the code of that checkout

The first form needs the git history: it unpacks every commit and runs itself with that code, so the names imported here
are those of old modules. The random numbers are fixed, but another version of torch may round differently. The stored
files are the reference: never make them again to let a test pass.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

NEWEST = "44e3eb7"
"""The commit before the folders were named after the field's nouns."""

N, DENSITY, LABELS, TIMES = 64, 1.2, ("1", "7"), (0.1, 16.5)

ARCHITECTURE = {"l_max": 2, "layers": 2, "channels": 2, "basis_size": 4, "radial_width": 4}
TRAINING = {"epochs": 1, "folds": 3, "architecture": ARCHITECTURE}

NETWORKS: dict[str, dict[str, Any]] = {
    "network-1-112f1e5": {},
    "network-2-20f6fef": {"inputs": {"positions": "inherent", "energy": "thermal"}},
    "network-3-d1c63e8": {"inputs": {"distance": False, "generations": 0}},
    "network-3-704e6c2": {"inputs": {"energy": "thermal"}, "target": "energy"},
    "network-3-b8c3e72": {"inputs": {"generations": 2}},
    "network-3-c68142f": {"inputs": {"generations": 2}, "target": "propensity"},
    "network-4-b0423ce": {"inputs": {"displacement": True, "generations": 1}},
    "network-5-2209010": {"inputs": {"nodes": ["energy_thermal", "force", "displacement_inherent"]}},
}
"""Settings of every stored network that differ from the defaults of its commit."""

FEW = {"radial": [{"first": 0.9, "last": 1.5, "number": 4, "width": 0.05}], "l_max": 4, "generations": 1}
FEW |= {"angular": {"first": 1.0, "last": 1.6, "number": 3, "width": 0.1}, "averaging_radius": 1.6}
SHORT = {"epochs": 2, "learning_rate": 0.01}

METHODS_STORED: dict[str, dict[str, Any]] = {
    "network-7-bb786ac": {
        "epochs": 1,
        "architecture": ARCHITECTURE,
        "inputs": {"nodes": ["displacement_inherent"], "edges": "union"},
    },
    "network-6-64ffa84": {
        "epochs": 1,
        "architecture": {**ARCHITECTURE, "update": 4},
        "inputs": {"nodes": ["energy_inherent"]},
    },
    "bapst-1-64ffa84": {**SHORT, "architecture": {"width": 4, "steps": 2}},
    "botan-1-64ffa84": {**SHORT, "edge_epochs": 1, "architecture": {"width": 4, "steps": 2}},
    "eignn-1-64ffa84": {**SHORT, "architecture": {"width": 4, "interactions": 2}},
    "geognn-1-64ffa84": {**SHORT, "architecture": {"width": 4, "gaussians": 8, "angular": 2}},
    "boattini-2-64ffa84": {"descriptors": FEW, "thermal": [0.3], "decay": [0.5]},
    "cage-1-64ffa84": {"descriptors": FEW, "penalties": [0.1]},
    "glassmlp-1-64ffa84": {"lengths": [0, 0.5], "reach": 2.0, "epochs": 4},
    "softness-1-64ffa84": {
        "radial": {"first": 0.8, "last": 2.5, "number": 6, "width": 0.1},
        "cutoff": 1.5,
        "powers": [1],
        "share": 0.2,
    },
    "ridge-1-64ffa84": {"l_max": 1},
    "energy-1-64ffa84": {},
    "none-1-64ffa84": {},
    "stack-1-64ffa84": {"methods": ["energy", "ridge"], "settings": {"ridge": {"l_max": 1}}, "parts": 2},
}
"""Settings of every stored method, under its name, the version of its format, and the commit."""

FAILED = (
    "The temperature of the runs is 0.4712, the velocities were drawn at 0.5, off by more than 0.005.",
    "The momentum per particle is 0.02.",
)
AGEING = (
    "In the first and in the second half of the trajectory of the configurations (time 300) the energy per particle "
    "is -6.9300 and -6.9600, 5.1 standard errors apart: NOT in equilibrium."
)
STEADY = (
    "In the first and in the second half of the trajectory of the configurations (time 300) the energy per particle "
    "is -6.9300 and -6.9301, 0.2 standard errors apart: no sign of ageing."
)


def make_liquids(out: Path) -> None:
    """Three labelled configurations in plain arrays, which every commit can use."""
    from equiglass.neighbors import periodic_pairs

    from equiglass import KOB_ANDERSEN, System, quench

    arrays: dict[str, list[Any]] = {"positions": [], "positions_inherent": [], "types": [], "propensity": []}
    side = (N / DENSITY) ** (1 / 3)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        cells = round(N ** (1 / 3))
        sites = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
        types = np.zeros(N, dtype=np.int64)
        types[rng.permutation(N)[: N // 5]] = 1
        start = System(
            (sites + 0.5 + rng.uniform(-0.2, 0.2, (N, 3))) * side / cells,
            types,
            np.full(3, side),
            potential=KOB_ANDERSEN,
        )
        inherent = np.round(quench(start).positions_inherent, 4)
        thermal = np.round(inherent + rng.normal(0, 0.05, (N, 3)), 4)
        pairs = periodic_pairs(thermal, start.box, 1.5)
        near = np.bincount(pairs.receivers, minlength=N) / 12
        propensity = np.stack([0.1 + 0.3 * np.exp(-near), 0.5 + np.exp(-2 * near)]) + rng.uniform(0, 0.02, (2, N))
        for key, values in zip(arrays, (thermal, inherent, types, np.round(propensity, 4)), strict=True):
            arrays[key].append(values)
    np.savez_compressed(out / "liquids.npz", box=np.full(3, side), times=TIMES, labels=LABELS, **arrays)


def liquids(out: Path, **more: Any) -> list[Any]:
    """The three configurations as systems."""
    from equiglass import KOB_ANDERSEN, System

    with np.load(out / "liquids.npz") as stored:
        of_each = zip(*(stored[key] for key in ("positions", "types", "positions_inherent", "propensity")), strict=True)
        return [
            System(
                positions,
                types,
                stored["box"],
                name=f"liquid-{k}",
                temperature=0.5,
                potential=KOB_ANDERSEN,
                positions_inherent=inherent,
                time_labels=LABELS,
                times=stored["times"],
                propensity=propensity,
                replica_variance=np.full((2, N), 1e-3),
                runs=32,
                **more,
            )
            for k, (positions, types, inherent, propensity) in enumerate(of_each)
        ]


def unlabelled(out: Path) -> Any:
    """The last configuration without labels and without its potential, which the models know."""
    from equiglass import System

    last = liquids(out)[-1]
    return System(last.positions, last.types, last.box, temperature=0.5, positions_inherent=last.positions_inherent)


def predicted(folder: Path, system: Any) -> dict[str, Any]:
    """What the model in a folder predicts."""
    from equiglass import load_model

    model = load_model(folder)
    prediction = model.predict(system)
    return {"labels": list(model.times), "values": np.stack([prediction.at(label) for label in model.times])}


def make_network(folder: Path) -> None:
    """One network with its predictions; no state of the optimiser."""
    from equiglass import Configuration, train

    folder.mkdir()
    configuration = Configuration.model_validate({**TRAINING, **NETWORKS[folder.name]})
    with tempfile.TemporaryDirectory() as run:
        trained = train(liquids(folder.parent), Path(run) / "run", configuration)
    if hasattr(trained, "save"):
        trained.save(folder / "last.safetensors")
    else:
        from equiglass.model.trained import save_trained

        save_trained(trained, folder / "last.safetensors")
    np.savez_compressed(folder / "golden.npz", **predicted(folder, unlabelled(folder.parent)))


def make_regression(folder: Path) -> None:
    """Boattini's regression with few descriptors, and its predictions."""
    from equiglass.baselines.boattini import boattini_features, fit_boattini, save_boattini
    from equiglass.baselines.descriptors import Descriptors
    from equiglass.baselines.shells import Shells

    folder.mkdir()
    few = Descriptors(
        radial=(Shells(0.9, 1.5, 4, 0.05), Shells(1.7, 2.5, 3, 0.1)),
        angular=Shells(1.0, 1.6, 3, 0.1),
        l_max=4,
        generations=1,
        averaging_radius=1.6,
    )
    model = fit_boattini([(boattini_features(s, 2, few), s) for s in liquids(folder.parent)], few)
    save_boattini(model, folder / "boattini.safetensors")
    # The command line had the regression before load_model did.
    system = liquids(folder.parent)[-1]
    np.savez_compressed(folder / "golden.npz", labels=list(model.times), values=np.maximum(model.predict(system), 0))


def everything(out: Path) -> list[Any]:
    """A configuration with all labels that the code of the commit knows, and one with none."""
    from dataclasses import replace

    from equiglass import LennardJones, System

    rng = np.random.default_rng(7)
    first, second, _ = liquids(out)
    potential = {"name": "other", "epsilon": ((1.0, 0.7), (0.7, 0.3)), "sigma": ((1.0, 0.9), (0.9, 0.8)), "cutoff": 2.0}
    if "truncation" in {field.name for field in fields(LennardJones)}:
        potential["truncation"] = "force-shifted"
    propensity = first.propensity.copy()
    propensity[1, 5] = np.nan
    labels: dict[str, Any] = {
        "propensity_halves": rng.uniform(0.1, 2.0, (2, 2, N)),
        "mean_displacement": rng.normal(0, 1, (2, N, 3)),
        "replica_displacements": rng.normal(0, 1, (2, 2, N, 3)).astype(np.float32),
        "self_scattering": rng.uniform(0, 1, (2, 2)),
        "run_temperature": np.array([0.49, np.nan]),
        "energy_drift": rng.uniform(0, 1e-3, 2),
        "momentum": rng.uniform(0, 1e-15, 2),
        "predictions": {"SE3": rng.uniform(0.1, 2.0, (2, N)), "model/two": rng.uniform(0.1, 2.0, (2, N))},
    }
    provenance = {"source": "a test", "doi": "10.1000/ü/1"}
    checks = {"equilibration": AGEING, "failed": " ".join(FAILED)}
    failed = {"failed": checks["failed"]}
    if "self_scattering" not in {field.name for field in fields(System)}:
        # Physics checks, and the labels that they read, came later.
        checks, failed = {"equilibration": STEADY}, {}
        for key in ("self_scattering", "run_temperature", "energy_drift", "momentum"):
            del labels[key]
    if "failures" in {field.name for field in fields(System)}:
        # The verdicts became fields.
        labels |= {"failures": FAILED, "equilibrated": False}
        checks, failed = {}, {}
    return [
        replace(
            first,
            name='liquid "0" at T=0.5',
            potential=LennardJones(**potential),
            propensity=propensity,
            provenance={**provenance, **checks},
            **labels,
        ),
        System(second.positions, second.types, second.box, name="bare", provenance=failed),
    ]


def make_configurations(file: Path) -> None:
    """A data set or an extended XYZ file, and what the code of the commit reads from it."""
    from equiglass import save

    save(everything(file.parent), file)
    store_read(file)


def make_labelled(file: Path) -> None:
    """A labelled npz as documented, written with numpy alone, and what the code of the commit reads from it."""
    system = everything(file.parent)[0]
    texts = {"name": "my liquid", "temperature": 0.5, "runs": 32}
    labels = {
        f.name: getattr(system, f.name) for f in fields(system) if isinstance(getattr(system, f.name), np.ndarray)
    }
    potential = {key: value for key, value in asdict(system.potential).items() if key != "name"}
    predictions = {f"prediction_{name}": values for name, values in system.predictions.items() if "/" not in name}
    np.savez_compressed(file, time_labels=list(LABELS), **texts, **labels, **potential, **predictions)
    store_read(file)


def store_read(file: Path) -> None:
    """Store what the code of the commit reads from a file: arrays under "K.FIELD", the rest as JSON."""
    import warnings

    from equiglass import load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        systems = load(file)
    arrays, rest = {}, []
    for k, system in enumerate(systems):
        described = {field.name: getattr(system, field.name) for field in fields(system)}
        described["predictions"] = list(system.predictions)
        described["potential"] = asdict(system.potential) if system.potential else None
        arrays |= {f"{k}.prediction.{name}": values for name, values in system.predictions.items()}
        arrays |= {f"{k}.{key}": value for key, value in described.items() if isinstance(value, np.ndarray)}
        rest.append({key: value for key, value in described.items() if not isinstance(value, np.ndarray)})
    np.savez_compressed(file.with_suffix(".golden.npz"), rest=json.dumps(rest), **arrays)


def make_representation(file: Path) -> None:
    """Representation, coordinates and structures, and the same in plain arrays."""
    from equiglass.representation import Described, read_representation, write_representation

    rng = np.random.default_rng(3)
    described = [
        Described(
            system.name,
            temperature,
            system.types,
            rng.uniform(0, 1, (N, 6)),
            rng.normal(0, 1, (N, 2)),
            rng.integers(1, 4, N),
        )
        for system, temperature in zip(liquids(file.parent), (0.5, None, 0.64), strict=True)
    ]
    write_representation(described, file, "a model")
    read = read_representation(file)
    arrays = {
        f"{k}.{key}": value
        for k, one in enumerate(read)
        for key, value in vars(one).items()
        if isinstance(value, np.ndarray)
    }
    rest = json.dumps([{"name": one.name, "temperature": one.temperature} for one in read])
    np.savez_compressed(file.with_suffix(".golden.npz"), rest=rest, **arrays)


def make_run(folder: Path) -> None:
    """A finished run folder, the configurations that it learned from, and its predictions and scores."""
    from equiglass import save

    save(liquids(folder.parent), folder.parent / "liquids.xyz")
    changes = {
        "epochs": 2,
        "folds": 3,
        "inputs.displacement": True,
        "inputs.generations": 1,
        **{f"architecture.{key}": value for key, value in ARCHITECTURE.items()},
    }
    words = [word for key, value in changes.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    equiglass = [sys.executable, "-m", "equiglass"]
    data = ["--data", "liquids.xyz"]
    subprocess.run([*equiglass, "train", *data, "--out", folder.name, *words], cwd=folder.parent, check=True)
    scores = ["--json", f"{folder.name}/golden.json"]
    subprocess.run([*equiglass, "evaluate", folder.name, *data, *scores], cwd=folder.parent, check=True)
    np.savez_compressed(folder / "golden.npz", **predicted(folder, unlabelled(folder.parent)))


def make_combination(folder: Path) -> None:
    """Two models of different times with weights and an uncertainty, and what they predict together."""
    from equiglass.methods import METHODS
    from equiglass.methods.loading import load_model, save_model
    from equiglass.prediction.combination import Combination
    from equiglass.prediction.ensemble import Ensemble

    systems = liquids(folder.parent)
    settings = {"energy": {"times": ("7",)}, "none": {}}
    members = [METHODS[name].fit(systems, METHODS[name].configuration(**own)) for name, own in settings.items()]
    weights = np.array([[[0.0, 0.9], [0.7, 0.2]], [[0.0, 1.0], [0.4, 0.0]]])
    offsets = np.array([[0.01, -0.02], [0.0, np.nan]])
    uncertainty = np.array([[[0.1, 0.5], [0.2, 0.0]], [[0.1, 1.5], [np.nan, np.nan]]])
    times = dict(zip(LABELS, TIMES, strict=True))
    combination = Combination(("member-energy", "member-none"), times, weights, offsets, uncertainty)
    save_model(Ensemble("combination", tuple(members), combination), folder)
    prediction = load_model(folder).predict(unlabelled(folder.parent))
    golden = {"values": prediction.values, "uncertainty": prediction.uncertainty}
    np.savez_compressed(folder.with_name(f"{folder.name}.golden.npz"), labels=list(prediction.times), **golden)


def make_method(folder: Path) -> None:
    """One model of a method, trained on configurations with everything that it may need, and its predictions."""
    import warnings

    from equiglass.methods import METHODS
    from equiglass.methods.loading import save_model

    rng = np.random.default_rng(5)
    name = folder.name.split("-")[0]
    runs = {"replica_displacements": rng.normal(0, 0.1, (2, 3, N, 3)).astype(np.float32)}
    systems = [with_cage(system, **runs) for system in liquids(folder.parent)]
    configuration = METHODS[name].configuration(**METHODS_STORED[folder.name])
    with warnings.catch_warnings():
        # Three configurations are few for a stack.
        warnings.simplefilter("ignore")
        save_model(METHODS[name].fit(systems, configuration), folder)
    np.savez_compressed(folder / "golden.npz", **predicted(folder, with_cage(unlabelled(folder.parent))))


def with_cage(system: Any, **more: Any) -> Any:
    """The configuration with cages halfway to the inherent structure."""
    from dataclasses import replace

    halfway = (system.positions + system.positions_inherent) / 2
    return replace(system, **{**more, "positions_cage": halfway})


def make_stopped(folder: Path) -> None:
    """The same run, stopped in its second epoch; the last checkpoint is that after the first."""
    from contextlib import suppress

    from equiglass import load, train
    from equiglass.training import read_configuration

    def stop(progress: Any, loss: float) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    configuration = read_configuration(folder.parent / "run-44e3eb7" / "configuration.yaml")
    with suppress(KeyboardInterrupt):
        train(load(folder.parent / "liquids.xyz"), folder, configuration, on_step=stop)


def make_shipped(file: Path) -> None:
    """What the shipped model predicts of the first configuration of the package's data set."""
    from importlib.resources import files

    from equiglass import load, load_model

    data = files("equiglass").joinpath("experiments/data/kalj-T0.64.h5")
    system = load(str(data))[0]
    prediction = load_model("kalj-T0.44").predict(system)
    np.savez_compressed(file, name=system.name, labels=list(prediction.times), values=prediction.values)


PARTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "liquids": (NEWEST, make_liquids),
    **{name: (name.rsplit("-", 1)[1], make_network) for name in NETWORKS},
    "regression-1-f1c6e7a": ("f1c6e7a", make_regression),
    "dataset-1-112f1e5.h5": ("112f1e5", make_configurations),
    "dataset-2-20f6fef.h5": ("20f6fef", make_configurations),
    "dataset-2-44e3eb7.h5": (NEWEST, make_configurations),
    "dataset-3-84335a0.h5": ("84335a0", make_configurations),
    "xyz-44e3eb7.xyz": (NEWEST, make_configurations),
    "labelled-44e3eb7.npz": (NEWEST, make_labelled),
    "representation-1-205e5e7.h5": ("205e5e7", make_representation),
    "run-44e3eb7": (NEWEST, make_run),
    "stopped-44e3eb7": (NEWEST, make_stopped),
    "shipped-093bf03.npz": ("093bf03", make_shipped),
    "combination-1-f10718a": ("f10718a", make_combination),
    **{name: (name.rsplit("-", 1)[1], make_method) for name in METHODS_STORED},
}
"""Commit and maker of every file or folder."""


def make_all(out: Path) -> None:
    """Every part with the code of its commit."""
    out.mkdir()
    here = Path(__file__).resolve()
    # Plain torch and one thread: the same sums in the same order for every commit.
    plain = {"EQUIGLASS_CONVOLUTION": "reference", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as temporary:
        for part, (commit, _) in PARTS.items():
            checkout = Path(temporary) / commit
            if not checkout.exists():
                archive = ["git", "-C", str(here.parents[2]), "archive", commit, "src"]
                packed = subprocess.run(archive, check=True, capture_output=True).stdout
                with tarfile.open(fileobj=io.BytesIO(packed)) as source:
                    source.extractall(checkout, filter="data")
            print(f"{part} with the code of {commit}", flush=True)
            environment = {**os.environ, **plain, "PYTHONPATH": str(checkout / "src")}
            subprocess.run([sys.executable, str(here), part, str(out.resolve())], check=True, env=environment)


if __name__ == "__main__":
    *part, out = sys.argv[1:]
    if part:
        PARTS[part[0]][1](Path(out) / part[0] if part[0] != "liquids" else Path(out))
    else:
        make_all(Path(out))
