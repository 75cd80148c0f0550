"""The shell command ``bathysr``: one verb a task, each a few lines over the package."""

from __future__ import annotations

import argparse
import sys


def _demo(args) -> None:
    from bathysr_nb.demo import demo

    demo(args.run_dir)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="bathysr", description="Super-resolution of ocean bathymetric maps.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    demo = verbs.add_parser(
        "demo",
        help="run notebooks 01 to 08 on the bundled grid",
        description="Run notebooks 01 to 08 on the bundled grid; print RMSE per slope bin and write one report page.",
        epilog="example: bathysr demo --run-dir runs/demo",
    )
    demo.add_argument("--run-dir", default="runs/demo", help="folder for all files (default: %(default)s)")
    demo.set_defaults(run=_demo)
    return top


def main(argv=None) -> int:
    """Run the command; a fault is one line on standard error and exit status 1."""
    args = parser().parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"bathysr {args.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"bathysr {args.verb}: stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
