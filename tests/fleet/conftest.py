"""A program to which several rules apply, and a fleet on a real Slurm of one node."""

import shutil
import sys
from pathlib import Path

import pytest

from jouleline.core.ports import Availability
from jouleline.fleet import workers
from jouleline.runners.bubblewrap import find_bubblewrap
from tests.support.slurm import Slurm

# With few headers, for compilers spend their time on these.
SOURCE = """\
#include <cmath>
extern "C" int printf(const char *, ...);
extern "C" int atoi(const char *);
double x[10000], y[10000];
int main(int, char **argv) {
  const int n = atoi(argv[1]);
  double sum = 0;
  for (int i = 0; i < n; ++i) x[i] = i + 1;
  const double scale = 3.7;
#pragma omp parallel for
  for (int i = 0; i < n; ++i) y[i] = x[i] * std::exp(scale) + std::pow(x[i], 2.0);
#pragma omp parallel for
  for (int i = 0; i < n; ++i) {
#pragma omp atomic
    sum += x[i] * y[i];
  }
  printf("%.9g\\n", sum);
}
"""


@pytest.fixture
def program(tmp_path: Path, mark: str) -> Path:
    """Each of its builds and runs carries the mark."""
    folder = tmp_path / "sum"
    folder.mkdir()
    (folder / "main.cpp").write_text(SOURCE)
    # By its path the compiler is not found by those who would add options: no gate builds with sanitizers.
    (folder / "jouleline.toml").write_text(
        f'[workload]\nbuild = "{shutil.which("g++")} -O1 -fopenmp main.cpp -o main # {mark}"\n'
        f'run = "./main {{args}} {mark}"\nargs = "10000"\ncheck_args = ["1000"]\n'
        "[workload.tolerance]\nrelative = 1e-8\n[refactor]\nrounds = 0\n[measure]\nseconds = 0.2\n"
    )
    return folder


@pytest.fixture
def home(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user on the login node who has described the fleet, and is soon told of a lost node."""
    config = tmp_path / ".config/jouleline"
    config.mkdir(parents=True)
    backend = "best" if find_bubblewrap().availability is Availability.READY else "none"
    fleet = (
        'runner = "parsl"\nscheduler = "slurm"\nhost = "127.0.0.1"\nworkers = 2\n'
        f'minutes = 5\npython = "{sys.executable}"\nfolder = "{tmp_path}/files"\n'
    )
    (config / "jouleline.toml").write_text(
        f'[target.fleet]\n{fleet}[target.closed]\n{fleet}queue = "closed"\n'
        f'[measure]\nmeter = "cpu-time"\n[sandbox]\nbackend = "{backend}"\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    monkeypatch.setattr(workers, "POLL_S", 0.5)
    monkeypatch.setattr(workers, "SCALING_S", 1.0)
    monkeypatch.setattr(workers, "PATIENCE_S", 4)
    return tmp_path
