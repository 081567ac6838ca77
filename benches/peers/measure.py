"""Runs a command as a whole process and appends what it took to a file, a line of JSON.

    python benches/peers/measure.py NAME LINES COMMAND...
"""

import json
import resource
import subprocess
import sys
import time


def main(name, lines, *command):
    begun = time.time()
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall = time.time() - begun
    if ended.returncode:
        print(f"{name} failed: {(ended.stderr.strip().splitlines() or ['without a word'])[-1]}", file=sys.stderr)
        return
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    row = {"program": name, "wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}
    with open(lines, "a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
