"""Windows of 256 px over a whole slide with another reader; prints a line of JSON as benches/read.rs does.

    pip install numpy openslide-python openslide-bin pyvips pyvips-binary cucim-cu12
    python benches/peers/read.py --reader openslide|vips|cucim --slide FILE --stride 192 --threads 1
"""

import argparse
import json
import os
import resource
import threading
import time

import numpy

WINDOW = 256


def openslide_reader(path):
    import openslide

    slide = openslide.OpenSlide(path)
    version = f"openslide-python {openslide.__version__}, OpenSlide {openslide.__library_version__}"
    return version, slide.dimensions, lambda: lambda x, y: numpy.asarray(slide.read_region((x, y), 0, (WINDOW, WINDOW)).convert("RGB"))


def vips_reader(path):
    os.environ["VIPS_CONCURRENCY"] = "1"
    import pyvips

    image = pyvips.Image.tiffload(path) if path.endswith((".tif", ".svs", ".tiff")) else pyvips.Image.new_from_file(path)
    version = f"pyvips {pyvips.__version__}, libvips {'.'.join(str(pyvips.version(i)) for i in range(3))}"

    def reader():
        region = pyvips.Region.new(pyvips.Image.tiffload(path))
        return lambda x, y: numpy.frombuffer(region.fetch(x, y, WINDOW, WINDOW), numpy.uint8)

    return version, (image.width, image.height), reader


def cucim_reader(path):
    import cucim
    from cucim.clara.cache import preferred_memory_capacity
    from cucim import CuImage

    image = CuImage(path)
    CuImage.cache("per_process", memory_capacity=preferred_memory_capacity(image, patch_size=(WINDOW, WINDOW)))
    size = image.resolutions["level_dimensions"][0]
    return f"cuCIM {cucim.__version__}", size, lambda: lambda x, y: numpy.asarray(image.read_region((x, y), (WINDOW, WINDOW), 0, num_workers=1))


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    for name, kind in (("reader", str), ("slide", str), ("stride", int), ("threads", int)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    asked = parser.parse_args()
    make = {"openslide": openslide_reader, "vips": vips_reader, "cucim": cucim_reader}[asked.reader]
    version, (width, height), reader = make(asked.slide)
    rows = iter(range(0, height - WINDOW + 1, asked.stride))
    lock, counts = threading.Lock(), []

    def work():
        read, count = reader(), 0
        while True:
            with lock:
                y = next(rows, None)
            if y is None:
                break
            for x in range(0, width - WINDOW + 1, asked.stride):
                read(x, y)
                count += 1
        counts.append(count)

    begun, cpu = time.time(), cpu_seconds()
    threads = [threading.Thread(target=work) for _ in range(asked.threads)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    wall, cpu, tiles = time.time() - begun, cpu_seconds() - cpu, sum(counts)
    print(json.dumps({
        "reader": version, "slide": os.path.basename(asked.slide), "stride": asked.stride, "threads": asked.threads, "tiles": tiles,
        "wall_s": wall, "cpu_s": cpu, "tiles_per_cpu_s": tiles / cpu, "tiles_per_s": tiles / wall,
    }))


if __name__ == "__main__":
    main()
