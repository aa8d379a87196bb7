#!/usr/bin/python3
"""Each header compiles alone, and twice."""
import concurrent.futures
import os
import subprocess

import source

FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic",
         "-Werror", "-fsyntax-only", "-x", "c", "-"]


def compile_alone(root, header):
    text = f'#include "{header}"\n#include "{header}"\n' \
           "typedef int not_an_empty_unit;\n"
    made = [f"-I{root}"]
    if "SIGNPOST_BUILD" in os.environ:
        made.append("-I" + os.environ["SIGNPOST_BUILD"])
    run = subprocess.run(["gcc"] + made + FLAGS, cwd=root, input=text,
                         text=True,
                         stderr=subprocess.PIPE, check=False)
    if run.returncode != 0:
        return f"{header}:1: does not compile alone\n{run.stderr}"
    return None


def main():
    root = source.top()
    headers = source.files(root, suffixes=(".h",))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda h: compile_alone(root, h), headers)
        complaints = [a for a in answers if a]
    source.finish("headers", len(headers), complaints)


main()
