"""Kill again and again, and count: `python -m tests.faults --kills 50 --seed 7 [--celery]`."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from tests.faults.campaign import Campaign, table
from tests.faults.sites import celery, embedded

ALL_FROM = 50
"""So many kills must have come to every named moment and to every kind of component."""


def main() -> int:
    """Return 1 where anything was done twice, or lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--celery", action="store_true", help="PostgreSQL, Redis and two Celery workers")
    parser.add_argument("--moments", default="", help="moments, separated by commas; no others")
    parser.add_argument("--folder", type=Path, help="where to keep everything; else it is removed in the end")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with (celery if given.celery else embedded)(folder) as site:
            moments = tuple(filter(None, given.moments.split(",")))
            campaign = Campaign(site, given.kills, given.seed, moments, complete=given.kills >= ALL_FROM)
            campaign.carry_out()
    print("\n".join(table(campaign.rows)))
    print("\n".join(campaign.faults) or "nothing twice, nothing lost")
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
