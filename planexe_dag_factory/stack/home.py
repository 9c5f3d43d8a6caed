"""Where an embedded stack keeps everything it needs: one folder, readable by its owner alone.

<root>/                     `.planexe` in the working directory
  airflow.cfg airflow.db    written at every start; the database is kept
  secrets.json passwords.json
  registry.json             the agents that run, signed by the operator
  state.json lock           what runs, and that only one stack does
  keys/                     of the orchestrator and of the operator
  agents/                   state of the agents
  plans/                    plans that `planexe-dag run` was given
  bundles/ plugins/         Airflow's
  logs/<component>.log      and Airflow's task logs below logs/airflow
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOME_NAME = ".planexe"
_FOLDERS = ("keys", "agents", "plans", "bundles", "plugins", "logs/airflow")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one embedded stack; `root` is absolute."""

    root: Path

    @classmethod
    def below(cls, folder: Path) -> Home:
        return cls(folder.resolve() / HOME_NAME)

    def prepare(self) -> None:
        """Make the folders; what is in them is nobody else's business."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def configuration(self) -> Path:
        return self.root / "airflow.cfg"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def passwords(self) -> Path:
        return self.root / "passwords.json"

    @property
    def registry(self) -> Path:
        return self.root / "registry.json"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def agents(self) -> Path:
        return self.root / "agents"

    @property
    def plans(self) -> Path:
        return self.root / "plans"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"
