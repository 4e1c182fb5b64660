"""Becomes a server: gives up root, binds its life to its starter, then executes the command.

It is a program (`python -I -S launcher.py PARENT SIGNAL UID GID COMMAND...`) and imports nothing of
VoiceHub: the alternative, our code between the fork and exec of a process with threads, may
deadlock.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent_pid, death_signal, uid, gid = (int(text) for text in sys.argv[1:5])
    command = sys.argv[5:]
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if libc is not None:
        # After setuid, which clears it. It survives the exec below.
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit("the process that started this server is gone")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted, the command is ours


if __name__ == "__main__":
    main()
