"""The lines of an import that wait on disk."""

from contextlib import closing
from pathlib import Path

import pytest

from app.commands.import_staging import StagedLine, Staging

LINES, LONG = 2_000, b"x" * 10_000
OPEN = Path("/proc/self/fd")


def open_names() -> set[str]:
    """Of the files that this process holds open."""
    found = set()
    for link in OPEN.iterdir():
        try:
            found.add(str(link.readlink()))
        except FileNotFoundError:  # the one that this folder was read by
            continue
    return found


@pytest.mark.skipif(not OPEN.exists(), reason="only Linux tells what is open")
def test_they_wait_in_a_file_that_nobody_has_to_remove() -> None:
    before = open_names()
    with closing(Staging()) as staging:
        for number in range(LINES):
            staging.add(StagedLine(number, "claim", str(number), None, None, LONG))
        staging.finish_reading()

        opened = open_names() - before

        assert opened  # so many do not wait in memory
        assert [name for name in opened if not name.endswith("(deleted)")] == []
