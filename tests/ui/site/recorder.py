"""A notifier that writes down what it is told, for tests of who is told what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow.sdk.bases.notifier import BaseNotifier


class Recorder(BaseNotifier):
    """Adds a line to a file for each notice."""

    def __init__(self, *, path: str, **said: str) -> None:
        super().__init__()
        self.path, self.said = path, said

    def notify(self, context: Any) -> None:
        with Path(self.path).open("a") as file:
            file.write(json.dumps(self.said) + "\n")
