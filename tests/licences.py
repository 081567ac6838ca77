"""Every crate of the dependency tree has a licence that Apache-2.0 software may ship with, comes from the registry,
and is pinned by a checksum in Cargo.lock. Exits 1 and names the crates that break a rule.

Known-vulnerability lists live outside the package registries; where they can be reached, `cargo deny check` with
deny.toml covers them as well.
"""

import json
import pathlib
import re
import subprocess
import sys

ALLOWED = {
    "MIT", "MIT-0", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib",
    "0BSD", "CC0-1.0", "Unlicense", "Unicode-3.0", "BSL-1.0", "bzip2-1.0.6", "MPL-2.0", "NCSA", "CDLA-Permissive-2.0",
}
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def holds(expression):
    """Is this SPDX expression met by licences of ALLOWED? `/` is the old spelling of OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        position += 1
        return tokens[position - 1]

    def either():
        value = both()
        while peek() == "OR":
            take()
            value = both() or value
        return value

    def both():
        value = atom()
        while peek() == "AND":
            take()
            value = atom() and value
        return value

    def atom():
        token = take()
        if token == "(":
            value = either()
            take()
            return value
        if peek() == "WITH":
            take()
            token = f"{token} WITH {take()}"
        return token in ALLOWED

    return either()


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    packages = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)["packages"]
    breaches = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package.get("license")
        if not licence:
            breaches.append(f"{name} states no licence")
        elif not holds(licence):
            breaches.append(f"{name} has the licence {licence}")
        if package["source"] not in (None, REGISTRY):
            breaches.append(f"{name} comes from {package['source']}")
    lock = (root / "Cargo.lock").read_text()
    for block in lock.split("[[package]]")[1:]:
        if "source = " in block and "checksum = " not in block:
            breaches.append("no checksum in Cargo.lock for " + block.strip().splitlines()[0])
    for breach in breaches:
        print(breach)
    print(f"{len(packages)} crates checked, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
