"""Outlines of a mask of many objects by OpenCV and GDAL, and whether GDAL's polygons are those of benches/contours.rs.

    pip install numpy opencv-python-headless rasterio
    python benches/peers/contours.py make mask.raw 16384
    python benches/peers/contours.py opencv|gdal mask.raw 16384 [RINGS]

RINGS is what benches/contours.rs wrote with --rings: with gdal, every ring is compared.
"""

import json
import resource
import sys

import numpy


def make(path, edge):
    """Wavy ellipses like nuclei, some with a hole: one in each cell of 50 pixels."""
    draw = numpy.random.default_rng(1)
    mask = numpy.zeros((edge, edge), numpy.uint8)
    y, x = numpy.mgrid[-25:26, -25:26]
    for top in range(26, edge - 26, 50):
        for left in range(26, edge - 26, 50):
            a, b, angle = draw.uniform(6, 15), draw.uniform(5, 12), draw.uniform(0, 3.14)
            u, v = x * numpy.cos(angle) + y * numpy.sin(angle), y * numpy.cos(angle) - x * numpy.sin(angle)
            wave = 0.15 * numpy.cos(draw.integers(2, 6) * numpy.arctan2(v, u) + draw.uniform(0, 6.28))
            inside = (u / a) ** 2 + (v / b) ** 2 <= 1 + wave
            if draw.random() < 0.1:
                inside &= (u / a) ** 2 + (v / b) ** 2 > 0.1
            inside &= (abs(x) < 25) & (abs(y) < 25)
            mask[top - 25 : top + 26, left - 25 : left + 26] |= inside
    mask.tofile(path)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def opencv(mask):
    import cv2

    cv2.setNumThreads(1)
    begun = cpu_seconds()
    contours, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    seconds = cpu_seconds() - begun
    return f"OpenCV {cv2.__version__}", int((hierarchy[0, :, 3] < 0).sum()), sum(len(one) + 1 for one in contours), seconds, None


def gdal(mask):
    import rasterio
    import rasterio.features

    begun = cpu_seconds()
    shapes = list(rasterio.features.shapes(mask, mask=mask > 0, connectivity=4))
    seconds = cpu_seconds() - begun
    rings = [ring for shape, _ in shapes for ring in shape["coordinates"]]
    return f"GDAL {rasterio.__gdal_version__}", len(shapes), sum(map(len, rings)), seconds, rings


def canonical(ring):
    """The same for a ring wherever it begins and whichever way it runs, without corners on a straight line."""
    ring = [tuple(map(int, point)) for point in ring]
    ring = ring[:-1] if ring[0] == ring[-1] else ring
    kept = [b for a, b, c in zip(ring[-1:] + ring[:-1], ring, ring[1:] + ring[:1]) if not (a[0] == b[0] == c[0] or a[1] == b[1] == c[1])]
    first = kept.index(min(kept))
    kept = kept[first:] + kept[:first]
    return tuple(kept) if kept[1] < kept[-1] else tuple([kept[0]] + kept[:0:-1])


def main(what, path, edge, rings=None):
    edge = int(edge)
    if what == "make":
        return make(path, edge)
    mask = numpy.fromfile(path, numpy.uint8).reshape(edge, edge)
    name, objects, corners, seconds, found = {"opencv": opencv, "gdal": gdal}[what](mask)
    line = {"tracer": name, "objects": objects, "corners": corners, "cpu_s": seconds, "objects_per_cpu_s": objects / seconds}
    if rings and found:
        with open(rings) as file:
            ours = sorted(canonical(numpy.array(text.split(), int).reshape(-1, 2).tolist()) for text in file)
        line["rings_equal_ours"] = ours == sorted(map(canonical, found))
    print(json.dumps(line))


if __name__ == "__main__":
    main(*sys.argv[1:])
