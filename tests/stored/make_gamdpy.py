"""Make the files of gamdpy and RUMD in this folder: ``NUMBA_ENABLE_CUDASIM=1 python make_gamdpy.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import gamdpy  # type: ignore[import-not-found]
import h5py
import numpy as np
from gamdpy.configuration.old_input_output import configuration_to_rumd3  # type: ignore[import-not-found]

OUT = Path(sys.argv[1])
BLOCKS, STEPS, N = 2, 4, 64

np.random.seed(1)
configuration = gamdpy.Configuration(D=3)
configuration.make_positions(N=N, rho=1.2)
configuration["m"] = 1.0
configuration.ptype[::5] = 1
configuration.r_im[3] = [1, 0, -2]
configuration.randomize_velocities(temperature=0.5)
box = configuration.simbox.get_lengths()
unwrapped = configuration["r"].astype(float) + configuration.r_im * box
with h5py.File(OUT / "gamdpy-0.8.3-configuration.h5", "w") as file:
    configuration.save(output=file, group_name="configuration", mode="w", update_ptype=True)
configuration_to_rumd3(configuration, str(OUT / "rumd3-gamdpy-0.8.3.xyz.gz"))

rng, frames, at = np.random.default_rng(3), [], unwrapped
with h5py.File(OUT / "gamdpy-0.8.3-trajectory.h5", "w") as file:
    file.attrs["dt"] = 0.004
    configuration.save(output=file, group_name="initial_configuration", mode="w", update_ptype=True)
    saver = gamdpy.TrajectorySaver()
    saver.setup(SimpleNamespace(configuration=configuration), BLOCKS, STEPS, file)
    for block in range(BLOCKS):
        data = np.zeros((saver.conf_per_block, 2, N, 3), np.float32)
        for frame in range(saver.conf_per_block):
            if block == 0 or frame > 0:
                at = at + rng.normal(0, 0.03, (N, 3))
            images = np.rint(at / box)
            data[frame] = at - images * box, images
            frames.append(data[frame, 0] + data[frame, 1] * box)
        saver.d_conf_array = SimpleNamespace(copy_to_host=lambda data=data: data)
        saver.zero_kernel = lambda array: None
        saver.update_at_end_of_timeblock(block, file)
np.savez_compressed(
    OUT / "gamdpy-0.8.3.golden.npz", types=configuration.ptype, box=box, unwrapped=unwrapped, frames=np.array(frames)
)
