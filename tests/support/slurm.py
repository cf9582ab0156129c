"""A real Slurm of one node, as ordinary processes of this user: Debian's packages slurm-wlm and munge."""

import getpass
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .ports import free_port
from .tools import require_tool, with_us

# Scheduling as soon as there is something to schedule, and no accounting. Jobs over their memory are killed,
# and those of the queue `urgent` take the place of others.
_SLURM_CONF = """\
ClusterName=tiny
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CryptoType=crypto/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=30 DefMemPerNode=450 State=UP PreemptMode=CANCEL
PartitionName=urgent Nodes=ALL MaxTime=30 DefMemPerNode=450 State=UP PreemptMode=OFF PriorityTier=10
PartitionName=closed Nodes=ALL MaxTime=30 DefMemPerNode=450 State=DOWN
"""


@dataclass(frozen=True)
class Slurm:
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __call__(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=30,
            env={**os.environ, **self.environment},
        )  # fmt: skip
        return done.stdout.strip()

    def jobs(self) -> list[str]:
        """Our jobs that wait or run, by name."""
        return [name for name in self("squeue", "-h", "-o", "%j").split() if name.startswith("jouleline-")]


@contextmanager
def running_slurm(folder: Path) -> Iterator[Slurm]:
    for name in ("srun", "squeue"):
        require_tool(name)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = platform.node().partition(".")[0]
    (folder / "slurm.conf").write_text(
        _SLURM_CONF.format(
            folder=folder,
            host=host,
            user=getpass.getuser(),
            cpus=os.cpu_count(),
            controller=free_port(),
            daemon=free_port(),
        )
    )
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    folder.chmod(0o755)
    slurm = Slurm(folder)
    with ExitStack() as stack:
        start = _starter(slurm, stack)
        start("munged", "--foreground", "--force", f"--key-file={folder}/munge.key",
              f"--socket={folder}/munge.sock", f"--pid-file={folder}/munged.pid",
              f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed")  # fmt: skip
        _until((folder / "munge.sock").exists, folder)
        start("slurmctld", "-D")
        start("slurmd", "-D", "-N", host)
        _until(lambda: "idle" in _quietly(slurm, "sinfo", "-h", "-p", "debug", "-o", "%T"), folder)
        yield slurm
        slurm("scancel", f"--user={getpass.getuser()}")


def _starter(slurm: Slurm, stack: ExitStack) -> Callable[..., None]:
    def start(program: str, *options: str) -> None:
        path = shutil.which(program, path="/usr/sbin:/usr/local/sbin") or str(require_tool(program))
        log = stack.enter_context((slurm.folder / f"{program}.out").open("wb"))
        process = subprocess.Popen(
            [*with_us(), path, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, env={**os.environ, **slurm.environment},
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.terminate)

    return start


def _quietly(slurm: Slurm, *command: str) -> str:
    try:
        return slurm(*command)
    except subprocess.CalledProcessError:
        return ""


def _until(condition: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "".join(log.read_text() for log in folder.glob("*.out"))
        time.sleep(0.05)
