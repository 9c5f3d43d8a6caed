"""`python -m planexe_agents data_gathering --port 8101 --state DIR`, or `all` for the four in one process."""

from __future__ import annotations

import os
import sys

from planexe_agents.agents import NAMES, load
from planexe_agents.model.settings import ModelSettingsError, read_settings
from planexe_agents.service.serve import main

USAGE = f"usage: python -m planexe_agents {{all,{','.join(NAMES)}}} [--port N] [--state DIR] [--ready-file FILE] ..."


def run(argv: list[str]) -> None:
    """Serve the agent that the first word names."""
    if not argv or argv[0] not in {"all", *NAMES}:
        sys.exit(USAGE)
    try:
        read_settings(os.environ)
    except ModelSettingsError as error:
        sys.exit(str(error))
    names = NAMES if argv[0] == "all" else (argv[0],)
    main([load(name) for name in names], argv[1:])


if __name__ == "__main__":
    run(sys.argv[1:])
