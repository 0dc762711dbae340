"""What most harnesses are asked for on the command line, and how they end."""

import argparse
from collections.abc import Sequence

FAULTS_SHOWN = 20


def asked(described: str | None, **numbers: float) -> argparse.Namespace:
    """``numbers`` are options of the number's own type, with it as the default."""
    parser = argparse.ArgumentParser(description=described)
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    return parser.parse_args()


def verdict(faults: Sequence[str], *, planted: bool) -> int:
    """The exit code, once the first faults were shown."""
    for fault in faults[:FAULTS_SHOWN]:
        print(f"  {fault}")
    return int(bool(faults) is not planted)
