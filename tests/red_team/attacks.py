"""What hostile recipes try. A script says GOT when it has what it must not have; the rest is looked for on the machine.

The scripts know much more than a stranger would: the numbers of processes, the places of files, the names of sockets.
They run in `sh` with perl, which every Debian has, and go on after each failure.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Attack:
    """`title` is its row of the table. Without a script it is a part of `stages` of its own."""

    name: str
    title: str
    script: str = ""


def dial(family: int, address: str) -> str:
    """Perl: GOT when a stream socket of this family can be connected to the packed address within two seconds."""
    return (
        "perl -e '$SIG{ALRM} = sub { exit 1 }; alarm 2;"
        f" socket(S, {family}, 1, 0) and connect(S, {address}) and print qq(GOT a connection\\n);'"
    )


TCP = "pack(q(S n C4 x8), 2, $ENV{PORT}, split(/\\./, $ENV{HOST}))"
PATH_SOCKET = "pack(q(S a108), 1, $ENV{SOCKET})"
ABSTRACT = "pack(q(S a*), 1, qq(\\0$ENV{VICTIM_WORD}))"

LOOK = (
    Attack(
        name="files",
        title="read root's, the builder's and the hub's files",
        script=(
            "cat $LOOT/canary; ls $LOOT && echo GOT a listing; grep -q ^root:.*: /etc/shadow && echo GOT passwords;"
            "ls $WORK/runs $WORK/mirrors && echo GOT the spool; cat $WORK/instance && echo GOT the instance"
        ),
    ),
    Attack(
        name="environment",
        title="read the builder's environment (its token), files and memory in `/proc`",
        script=(
            "cat /proc/$BUILDER/environ && echo GOT it; head -c1 /proc/$BUILDER/mem && echo GOT memory;"
            "ls /proc/$BUILDER/fd/ /proc/$BUILDER/cwd/ /proc/$BUILDER/root/ && echo GOT files"
        ),
    ),
    Attack(
        name="other tree",
        title="read and write the tree of another run",
        script="cat $VICTIM_ROOT/tree/secret; ls $VICTIM_ROOT && echo GOT it; echo GOT > $VICTIM_ROOT/tree/planted",
    ),
    Attack(
        name="other memory",
        title="read the environment and memory of another run, trace it",
        script=(
            "cat /proc/$VICTIM/environ; head -c1 /proc/$VICTIM/mem && echo GOT memory;"
            "perl -e '$b = qq(\\0) x 8; $v = pack(q(Q Q), 0, 8);"
            " print qq(GOT a trace\\n) if syscall(101, 16, $ENV{VICTIM}, 0, 0) == 0;"
            " print qq(GOT a read\\n) if syscall(310, $ENV{VICTIM}, $v, 1, $v, 1, 0) > 0;"
            " $f = syscall(434, $ENV{VICTIM}, 0);"
            " print qq(GOT a descriptor\\n) if $f >= 0 && syscall(438, $f, 0, 0) >= 0;'"
        ),
    ),
    Attack(
        name="other socket",
        title="connect to an abstract Unix socket of another run",
        script=dial(1, ABSTRACT),
    ),
    Attack(
        name="processes",
        title="see that other processes are there",
        script="test -d /proc/$BUILDER && echo GOT a process; test -d /proc/$VICTIM && echo GOT another",
    ),
    Attack(
        name="kernel files",
        title="write to `/proc/sys`, `/sys`, control groups; open the kernel's memory, log and disks",
        script=(
            "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger"
            " /proc/$BUILDER/oom_score_adj /sys/kernel/uevent_helper /sys/power/state $(find /sys/fs/cgroup -maxdepth 3"
            " -name release_agent -o -maxdepth 3 -name cgroup.procs 2>/dev/null | head -40); do"
            " (: >> $f) && echo GOT $f; done;"
            "for f in /proc/kcore /proc/kmsg /dev/kmsg /dev/mem /dev/port $(ls /dev/sd* /dev/vd* /dev/nvme*);"
            " do (: < $f) && echo GOT $f; done; dmesg | grep -q . && echo GOT the log"
        ),
    ),
    Attack(
        name="root",
        title="become root, or have any capability",
        script=(
            "grep -q 'NoNewPrivs:.1' /proc/self/status || echo GOT privileges;"
            "grep -q 'Cap[EP][a-z]*:.*[1-9a-f]' /proc/self/status && echo GOT capabilities;"
            "su -c 'echo GOT root' </dev/null; sudo -n echo GOT root; chroot / true && echo GOT chroot;"
            "mount -t tmpfs none tmp && echo GOT mount; unshare -Ur echo GOT namespace;"
            "mknod disk b 8 0 && echo GOT disk;"
            "perl -e 'print qq(GOT root\\n) if syscall(105, 0) == 0 && syscall(102) == 0'"
        ),
    ),
    Attack(
        name="kernel calls",
        title="mount, namespaces, keys, BPF, modules, io_uring, userfaultfd, perf, vsock",
        script=(
            "perl -e '%calls = (mount => 165, add_key => 248, keyctl => 250, bpf => 321, perf => 298,"
            " userfaultfd => 323, setns => 308, io_uring => 425, swapon => 167, module => 175, pivot => 155,"
            " open_tree => 428, fsopen => 430, quotactl => 179, kexec => 246, handle => 304, acct => 163);"
            "for (sort keys %calls) { $! = 0; $r = syscall($calls{$_}, 0, 0, 0, 0, 0);"
            " print qq(GOT $_ $!\\n) if $r != -1 || ($! != 1 && $! != 38) }"
            " print qq(GOT a namespace\\n) if syscall(272, 0x10000000) == 0;"
            " for (38, 40) { print qq(GOT family $_\\n) if socket(S, $_, 1, 0) }'"
        ),
    ),
    Attack(
        name="typing",
        title="type into the terminal as if somebody sat there (TIOCSTI, TIOCLINUX)",
        script=("perl -e '$b = q(x); for (0x5412, 0x541C) { print qq(GOT a key\\n) if ioctl(STDOUT, $_, $b) }'"),
    ),
    Attack(
        name="mirror",
        title="write into the mirror of its own repository",
        script=(
            "touch $OBJECTS/planted && echo GOT it; echo GOT > $OBJECTS/../refs/heads/planted;"
            "echo GOT > $OBJECTS/../config; rm -rf $OBJECTS/pack"
        ),
    ),
    Attack(
        name="modes",
        title="change modes and times of the builder's own files",
        script="chmod 777 $LOOT && echo GOT it; chmod 700 $LOOT; touch -d 1990-01-01 $LOOT/canary && echo GOT a time",
    ),
    Attack(
        name="other mirror",
        title="read the mirror of another repository",
        script="cat $OTHER_OBJECTS/secret; ls $OTHER_OBJECTS && echo GOT a listing",
    ),
    Attack(
        name="daemon",
        title="reach the container daemon's socket",
        script=dial(1, PATH_SOCKET) + "; ls /var/run/docker.sock /run/podman/podman.sock && echo GOT a socket",
    ),
    Attack(
        name="outside",
        title="write outside of the workspace and the temporary folders",
        script="for f in /usr /etc /opt / /var /home /root $WORK $LOOT; do touch $f/planted-$WORD; done",
    ),
)
"""In one stage that has the network."""

OPEN = Attack(name="hub", title="reach the hub's port with the network on", script=dial(2, TCP))

CLOSED = (
    Attack(name="hub, cut off", title="reach the hub's port with the network off", script=dial(2, TCP)),
    Attack(
        name="cut off",
        title="reach anything else with the network off: metadata, UDP, raw and packet sockets",
        script=(
            "HOST=169.254.169.254 PORT=80; export HOST PORT; " + dial(2, TCP) + ";"
            "perl -e 'print qq(GOT packets\\n) if socket(S, 17, 3, 0); print qq(GOT raw\\n) if socket(S, 2, 3, 1);"
            " socket(S, 2, 2, 0) and send(S, q(x), 0, pack(q(S n C4 x8), 2, 53, 10, 0, 0, 1)) and print qq(GOT UDP\\n)'"
        ),
    ),
)
"""In one stage without network."""

ALONE = (
    Attack(name="signals", title="signal the builder, another run, everybody (`kill -9 -1`)"),
    Attack(name="terminal", title="tie up or garble the terminal, so that later output is lost"),
    Attack(name="links", title="have the builder write through links that the build made"),
    Attack(name="swap", title="have the builder keep or read a file of its own: links, folders swapped in a loop"),
    Attack(name="pipe", title="have the builder wait for ever: pipes in place of reports and artifacts"),
    Attack(name="git", title="have the builder's git run something: hooks, `core.fsmonitor`, filters"),
    Attack(name="fork bomb", title="fork without end"),
    Attack(name="memory", title="take all memory"),
    Attack(name="shared memory", title="take all memory by files in `/dev/shm`"),
    Attack(name="log", title="print without end"),
    Attack(name="disk", title="fill the disk from the workspace"),
    Attack(name="deep disk", title="fill it with files whose paths are too long to be looked at"),
    Attack(name="temporary", title="fill the disk from `/tmp`"),
    Attack(name="deep", title="leave folders too deep to be deleted"),
    Attack(name="escape", title="outlive the run: own session, double fork, empty environment, ignored signals"),
    Attack(name="next", title="leave files, shared memory or queues for the next run"),
)
"""Each with stages or runs of its own."""

ATTACKS = (*LOOK, OPEN, *CLOSED, *ALONE)
