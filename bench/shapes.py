#!/usr/bin/python3
"""What messages of odd shapes cost beside plain ones; see README.

    bench/shapes.py [build folder]

Prints, for each shape, how many times the plain one's processor time the
worker of [in] takes for it, in one run of the program.
"""
import os
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "t/run"))


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else TOP / "build")
    os.environ.setdefault("SIGNPOST", str(build / "signpost"))
    import costs

    class Bench(costs.Costs):
        def runTest(self):
            for what, messages in (("body of", costs.bodies()),
                                   ("fields with", costs.headers())):
                for name, times in self.ratios(messages, tries=12).items():
                    print("%s %-28s %6.2f" % (what, name, times), flush=True)
    result = costs.harness.unittest.TestResult()
    Bench().run(result)
    for _, text in result.errors + result.failures:
        print(text, file=sys.stderr)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
