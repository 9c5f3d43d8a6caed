"""A process that writes events: `python -m tests.record.writer FOLDER SEED COUNT [files]`."""

import sys
from pathlib import Path

from planexe_agents.signing import SigningKey, canonical, digest_bytes

from planexe_dag_factory.record.events import Event, append_event
from planexe_dag_factory.record.folder import RunFolder

KEY = SigningKey.from_seed(b"k" * 32)
STEPS = 25


def begin(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    header = canonical({"run": run.name, "orchestrator_key": KEY.public})
    append_event(run, KEY, Event("run-started", digests={"run.json": digest_bytes(header)}))
    run.write_bytes(header, "run.json")
    return run


def write(run: RunFolder, seed: int, count: int, *, files: bool) -> None:
    for number in range(count):
        about = f"step-{(number + seed) % STEPS}"
        path, content = f"steps/{about}/{seed:03}-{number:05}.json", canonical({"number": number, "text": "x" * 5000})
        digests = {path: digest_bytes(content)} if files else {}
        append_event(run, KEY, Event("candidates-ordered", about=about, digests=digests, details={"writer": seed}))
        if files:
            run.write_bytes(content, *path.split("/"))


if __name__ == "__main__":
    write(RunFolder(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]), files=len(sys.argv) > 4)
