"""Confines itself by landlock and seccomp and becomes a command; started as a script, by path.

    python -I -S confinement.py RULES ARGUMENT...

RULES is a JSON object: ``abi``, the version of landlock to ask for, and the paths in ``read`` (which
includes execution), ``write`` (folders, for everything) and ``device`` (nodes, for reading, writing and
ioctl). What is not named is denied, as far as that version goes. Landlock's numbers are those of
<linux/landlock.h>; seccomp closes what landlock leaves open: sockets other than TCP's, io_uring, which
makes sockets without the system call, and the kernel's keyrings.

It imports nothing of Jouleline and little of Python, because it starts once for every run.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import stat
import struct
import sys
from typing import NoReturn

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1
# How many rights to files each version knows: they are numbered in the order in which they came.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_ALL_FILE_RIGHTS = 16
_WITH_TCP, _WITH_SCOPES = 4, 6

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _KILL_PROCESS, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EACCES
# AUDIT_ARCH_*, and the numbers of socket, add_key, request_key, keyctl, io_uring_setup and capset.
_MACHINES = {
    "x86_64": (0xC000003E, (41, 248, 249, 250, 425), 126),
    "aarch64": (0xC00000B7, (198, 217, 218, 219, 425), 91),
}
# BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JGE|BPF_K, BPF_RET|BPF_K
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# System calls of the x32 ABI, which have other numbers for the same; no program uses it.
_X32 = 0x40000000
_CAPABILITY_VERSION_3 = 0x20080522
FAILED = 126

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> NoReturn:
    """Confine this process for good, and become the command."""
    rules = json.loads(arguments[0])
    try:
        _gain_nothing()
        _landlock(rules)
        if os.uname().machine in _MACHINES:
            _drop_capabilities()
            _seccomp()
    except OSError as error:
        os.write(
            2, f"landlock: {error.filename or error.strerror}: {os.strerror(error.errno or 0)}\n".encode()
        )
        os._exit(FAILED)
    # Python ignores these two, and an ignored signal stays ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvp(arguments[1], arguments[1:])  # noqa: S606 - running the user's command is the purpose


def version() -> int:
    """The version of landlock that this kernel speaks; 0 if it has none, or has it switched off."""
    return max(int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))), 0)


def filters_system_calls() -> bool:
    """Whether the numbers of this machine's system calls are known here."""
    return os.uname().machine in _MACHINES


def _gain_nothing() -> None:
    """From here on, no exec gives more rights than there are: what the rest rests on."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot set no_new_privs")


def _landlock(rules: dict[str, object]) -> None:
    abi = int(str(rules["abi"]))
    handled = (1 << _FILE_RIGHTS.get(abi, _ALL_FILE_RIGHTS)) - 1
    attributes = struct.pack("=Q", handled)
    if abi >= _WITH_TCP:
        attributes += struct.pack("=Q", _BIND_TCP | _CONNECT_TCP)
    if abi >= _WITH_SCOPES:
        attributes += struct.pack("=Q", _ABSTRACT_SOCKETS | _SIGNALS)
    ruleset = _call("create ruleset", _CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    rights = {
        "read": _EXECUTE | _READ_FILE | _READ_DIR,
        "write": handled & ~_IOCTL_DEV,
        "device": _READ_FILE | _READ_DIR | _WRITE_FILE | _IOCTL_DEV,
    }
    for kind, granted in rights.items():
        for path in rules[kind]:  # type: ignore[attr-defined] # the object is ours
            _allow(ruleset, str(path), granted & handled)
    _call("restrict", _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there, or not for this user, needs no permission
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= _OF_FILES
    _call(path, _ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    os.close(place)


def _drop_capabilities() -> None:
    """Root without capabilities; with no_new_privs, exec does not give them back."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _call("drop capabilities", _MACHINES[os.uname().machine][2], header, bytes(24))


def _seccomp() -> None:
    architecture, refused, _ = _MACHINES[os.uname().machine]
    # struct seccomp_data begins with the call's number and, at 4, the architecture.
    program = [
        _instruction(_LOAD, 4),
        *_when(_EQUAL, architecture, otherwise=_KILL_PROCESS),
        _instruction(_LOAD, 0),
        *(_when(_AT_LEAST, _X32, then=_KILL_PROCESS) if os.uname().machine == "x86_64" else ()),
        *(step for number in refused for step in _when(_EQUAL, number, then=_REFUSE)),
        _instruction(_RETURN, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    described = struct.pack("@HP", len(program), ctypes.addressof(code))
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot filter system calls")


def _instruction(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("=HBBI", operation, if_true, if_false, value)


def _when(
    test: int, value: int, *, then: int | None = None, otherwise: int | None = None
) -> tuple[bytes, ...]:
    """Return ``then`` if the test holds, or ``otherwise`` if it does not; else go on."""
    if then is not None:
        return _instruction(test, value, 0, 1), _instruction(_RETURN, then)
    assert otherwise is not None
    return _instruction(test, value, 1, 0), _instruction(_RETURN, otherwise)


def _call(what: str, number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"cannot {what}")
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
