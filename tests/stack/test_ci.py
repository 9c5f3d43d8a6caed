"""What `tests/conftest.py` makes of skipped tests in continuous integration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"


def run_pytest(folder: Path, reason: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(
        f"import pytest\ndef test_fine(): pass\ndef test_it(): pytest.skip({reason!r})\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "CI"} | ({"CI": "true"} if ci else {})
    environment["PYTHONPATH"] = str(CONFTEST.parents[1])  # the conftest takes from the tests' own modules
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


@pytest.mark.parametrize(
    ("reason", "ci", "status"),
    [
        ("chromium is not installed", True, 1),
        ("chromium is not installed", False, 0),
        ("no ../shared/plans beside the checkout", True, 0),
        ("a network namespace needs root", True, 0),
    ],
)
def test_a_missing_part_fails_in_ci_alone_and_missing_data_or_rights_never(
    tmp_path: Path, reason: str, ci: bool, status: int
) -> None:
    done = run_pytest(tmp_path, reason, ci=ci)
    assert done.returncode == status, done.stdout
    assert ("test_it.py::test_it: Skipped: chromium is not installed" in done.stdout) == bool(status)
