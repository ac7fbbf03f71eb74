"""A real Slurm for tests: munged, slurmctld and one slurmd with a few places, all on the loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from server_programs import Processes, ServerError, free_port, until_true

PLACES = 3
"""Jobs that run at a time; others wait."""

_CONFIGURATION = """ClusterName=hubwright
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=200000,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
CommunicationParameters=NoInAddrAny
ReturnToService=2
MinJobAge=2
KillWait=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={places} RealMemory=1000 State=UNKNOWN
PartitionName=ci Nodes={host} Default=YES MaxTime=60 State=UP
"""


def start_slurm(processes: Processes) -> str:
    """The path of its configuration, for SLURM_CONF."""
    if os.geteuid() != 0 or not Path("/usr/sbin/slurmctld").exists():
        raise ServerError("Slurm needs root here and `python tests/servers.py --install`")
    folder = processes.folder
    for above in (folder, folder.parent):  # others may pass through, or munged can't reach its own
        above.chmod(0o711)
    _start_munge(processes)
    configuration = folder / "slurm.conf"
    ports = {"port": free_port(), "node_port": free_port()}
    host = socket.gethostname().partition(".")[0]
    configuration.write_text(_CONFIGURATION.format(folder=folder, host=host, places=PLACES, **ports))
    for name in ("state", "spool"):
        (folder / name).mkdir()
    environment = {"SLURM_CONF": str(configuration)}
    for program in ("slurmctld", "slurmd"):
        processes.start([shutil.which(program) or f"/usr/sbin/{program}", "-D"], environment, end=signal.SIGTERM)

    def works() -> bool:
        argv = ["sinfo", "--noheader", "--format=%t"]
        said = subprocess.run(argv, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        return said.stdout.strip() in {"idle", "mix", "alloc"}

    until_true(works, "Slurm did not become ready")
    return str(configuration)


def _start_munge(processes: Processes) -> None:
    """As the user of its package: munged refuses to be root unless forced, and wants folders of its own."""
    folder = processes.folder / "munge"
    folder.mkdir(mode=0o755)
    (folder / "key").write_bytes(secrets.token_bytes(128))
    (folder / "key").chmod(0o600)
    for path in (folder, folder / "key"):
        shutil.chown(path, "munge", "munge")
    places = {"key-file": "key", "socket": "socket", "log-file": "log", "pid-file": "pid", "seed-file": "seed"}
    options = [f"--{name}={folder}/{file}" for name, file in places.items()]
    user = ["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups"]
    processes.start([*user, "/usr/sbin/munged", "--foreground", *options], end=signal.SIGTERM)
    until_true((folder / "socket").exists, "munged did not start")
