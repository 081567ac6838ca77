"""What SHELL (lavlab-shell 0.9.1) finds of stains in eight tiles of glands_ebhi, for tests/flows/foreign_model.rs.

    pip install lavlab-shell==0.9.1 pillow numpy
    python tests/golden/stains.py ../shared/data/glands_ebhi/image > tests/golden/stains.json
"""

import json
import pathlib
import sys

import numpy
from PIL import Image
from shell.transforms import apply_eho_chunked, estimate_stain_params

TILES = 8


def main(folder):
    paths = sorted(pathlib.Path(folder).glob("*-001.png"))
    result = []
    for path in paths[:: len(paths) // TILES][:TILES]:
        rgb = numpy.asarray(Image.open(path).convert("RGB"))
        found = estimate_stain_params(rgb)
        eho = apply_eho_chunked(rgb, **found)
        vectors = numpy.asarray(found["w_est"])
        result.append(
            {
                "tile": path.name,
                "light": found["Io"],
                "eosin": vectors[:, found["e_idx"]].round(6).tolist(),
                "hematoxylin": vectors[:, found["h_idx"]].round(6).tolist(),
                # Every 32nd pixel of every 32nd row: eosin, hematoxylin, optical density.
                "eho": eho[::32, ::32].reshape(-1, 3).tolist(),
            }
        )
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
