"""Unpacks the pinned wheels into the folders that the build reads. Called by ./setup.

Usage: unpack.py WHEEL_FOLDER NATIVE_FOLDER
"""

import pathlib
import subprocess
import sys
import zipfile

TORCH_VERSION = "2.11.0"


def copy(wheels, pattern, member_filter, target):
    """Extracts the members that `member_filter` maps to a relative path; returns how many."""
    (wheel,) = wheels.glob(pattern)
    count = 0
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            relative = None if info.is_dir() else member_filter(info.filename)
            if relative is None:
                continue
            path = target / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, open(path, "wb") as sink:
                while chunk := source.read(1 << 20):
                    sink.write(chunk)
            count += 1
    if count == 0:
        sys.exit(f"{wheel.name} holds none of the expected files; is the pinned version right?")
    return count


def torch_member(name):
    if name.startswith("torch/include/"):
        return name[len("torch/"):]
    wanted = ("libtorch_cpu.so", "libc10.so", "libgomp")
    base = name.rsplit("/", 1)[-1]
    if name.startswith(("torch/lib/", "torch.libs/")) and base.startswith(wanted):
        return f"lib/{base}"
    return None


def licence_of(part):
    """Texts of licences, in the folders of the wheel."""
    def member(name):
        _, found, inside = name.partition(".dist-info/licenses/")
        return f"{part}/{inside}" if found else None
    return member


def base_starting_with(prefix, folder):
    def member(name):
        base = name.rsplit("/", 1)[-1]
        return f"{folder}/{base}" if base.startswith(prefix) else None
    return member


def main(wheels, native):
    torch = native / "libtorch"
    copy(wheels, "torch-*.whl", torch_member, torch)
    copy(wheels, "nvidia_cuda_runtime-*.whl", base_starting_with("libcudart.so", "lib"), torch)
    copy(wheels, "nvidia_cuda_cupti-*.whl", base_starting_with("libcupti.so", "lib"), torch)
    (torch / "build-version").write_text(TORCH_VERSION + "+cpu\n")
    # The wheel's own libtorch.so needs the CUDA half; an empty one of the same soname needs the CPU half only.
    subprocess.run(
        ["g++", "-shared", "-x", "c++", "/dev/null", "-o", str(torch / "lib/libtorch.so"), "-Wl,-soname,libtorch.so",
         "-Wl,--no-as-needed", f"-L{torch / 'lib'}", "-ltorch_cpu", "-lc10", "-Wl,-rpath,$ORIGIN",
         "-Wl,--unresolved-symbols=ignore-in-shared-libs"],
        check=True)

    slide = native / "openslide"
    copy(wheels, "openslide_bin-*.whl", base_starting_with("libopenslide.so", "lib"), slide)
    link = slide / "lib/libopenslide.so"
    if not link.exists():
        link.symlink_to("libopenslide.so.1")
    (slide / "include").mkdir(exist_ok=True)
    (slide / "include/openslide.h").write_text((pathlib.Path(__file__).parent / "openslide.h").read_text())
    (slide / "lib/pkgconfig").mkdir(exist_ok=True)
    (slide / "lib/pkgconfig/openslide.pc").write_text(
        "prefix=${pcfiledir}/../..\nName: openslide\nDescription: Whole-slide image reader\nVersion: 4.0.1\n"
        "Cflags: -I${prefix}/include\nLibs: -L${prefix}/lib -lopenslide\n")

    for wheel, part in (("torch-*.whl", "libtorch"), ("nvidia_cuda_runtime-*.whl", "cuda-runtime"),
                        ("nvidia_cuda_cupti-*.whl", "cuda-cupti"), ("openslide_bin-*.whl", "openslide")):
        copy(wheels, wheel, licence_of(part), native / "licences")

    copy(wheels, "libclang-*.whl", base_starting_with("libclang.so", "."), native / "libclang")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
