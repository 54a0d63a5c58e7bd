"""A private view of the file system for one process: launcher.py calls `enter` in the process that becomes a job."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
# {statvfs flag: mount flag}: flags that a mount was created with must be kept.
_KEPT_FLAGS = {2: 0x2, 4: 0x4, 8: 0x8, 1024: 0x400, 4096: 0x200000}  # nosuid, nodev, noexec, noatime, relatime
_CAP_VERSION_3 = 0x20080522
_MOST_FILES = 1000  # that are protected one by one: it takes a tenth of a second for them, but seconds for 10,000


def enter(mounts: list[list[Any]], aside: str) -> None:
    """Give this process a private view of the file system: each [source, target, changes] is mounted, outer first.

    changes: an empty folder that receives what the process changes in the target, so that the source stays as it is;
    "": the source itself is changed. `aside` is an empty folder. OSError if the kernel does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS):  # only root may do this; another user first becomes root in a user namespace
        _call(libc.unshare, _CLONE_NEWUSER | _CLONE_NEWNS)
        for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", file).write_text(text, encoding="ascii")

    def mount(source: str | None, target: str, flags: int, kind: str | None = None, data: str | None = None) -> None:
        *parts, data_ = [None if part is None else os.fsencode(part) for part in (source, target, kind, data)]
        _call(libc.mount, *parts, ctypes.c_ulong(flags), data_, name=target)

    mount(None, "/", _MS_REC | _MS_PRIVATE)
    if not os.path.isdir("/opt/ml"):
        _make_opt_ml(mount, aside)
    for source, target, changes in mounts:
        if not changes or not _overlay(mount, source, target, changes):
            mount(source, target, _MS_BIND | _MS_REC)
            files = [os.path.join(place, name) for place, _, names in os.walk(target) for name in names]
            for part in [] if not changes else files if len(files) <= _MOST_FILES else [target]:
                mount(part, part, _MS_BIND)
                has = os.statvfs(part).f_flag
                kept = sum(flag for known, flag in _KEPT_FLAGS.items() if has & known)
                mount(None, part, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept)
    if uid:  # drop the rights over that namespace, which remain if no other program is executed
        header, none = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0), (ctypes.c_uint32 * 6)()
        _call(libc.capset, header, none)


def _overlay(mount: Callable[..., None], source: str, target: str, changes: str) -> bool:
    """Mount the source with everything that is changed in `changes`; False where kernel or file system cannot."""
    os.chdir(changes)  # the options are a text in which the paths would need quoting
    for name in ("source", "upper", "work"):
        os.mkdir(name)
    try:
        mount(source, "source", _MS_BIND)
        mount("overlay", target, 0, "overlay", "lowerdir=source,upperdir=upper,workdir=work")
    except OSError:
        return False
    os.chmod("work/work", 0o700)  # otherwise another user than root could not remove it
    return True


def _make_opt_ml(mount: Callable[..., None], aside: str) -> None:
    """Add a folder ml to /opt that no other process sees: a new /opt with everything that the machine's own has."""
    mount("/opt", aside, _MS_BIND | _MS_REC)
    mount("none", "/opt", 0, "tmpfs")
    for entry in os.scandir(aside):
        target = f"/opt/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
            continue
        if entry.is_dir():
            os.mkdir(target)
        else:
            Path(target).touch()
        mount(entry.path, target, _MS_BIND | _MS_REC)
    os.mkdir("/opt/ml")


def _call(function: Callable[..., int], *arguments: Any, name: str | None = None) -> None:
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
