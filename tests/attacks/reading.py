"""Attacks that read what is hidden. Each runs in a worker, is given what a well-informed attacker would know, and
returns True where it believes to have succeeded, or what it found."""

import contextlib
import ctypes
import gc
import importlib
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def read_a_secret_by_path(world):
    with open(world["secret"]) as file:
        return file.read()


def read_a_secret_past_the_python_layer(world):
    libc.open.restype = ctypes.c_int
    fd = libc.open(world["secret"].encode(), os.O_RDONLY)
    return os.read(fd, 4096).decode() if fd >= 0 else None


def read_a_secret_through_the_working_directory(world):
    os.chdir(world["folder"])
    with open(os.path.basename(world["secret"])) as file:
        return file.read()


def read_a_secret_through_a_link(world):
    os.symlink(world["secret"], "link")
    with open("link") as file:
        return file.read()


def read_a_secret_through_the_root_of_another_process(world):
    found = []
    for pid in (world["grader"], world["zygote"], world["bystander"], 1):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/root{world['secret']}") as file:
            found.append(file.read())
    return found


def list_the_folder(world):
    return os.listdir(world["folder"]) != []


def list_the_root(world):
    return os.listdir("/") != []


def read_the_environment_of_others(world):
    found = []
    for pid in (world["grader"], world["zygote"], world["bystander"], 1):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ") as file:
            found.append(file.read())
    return found


def read_the_command_lines_of_others(world):
    with open(f"/proc/{world['bystander']}/cmdline") as file:
        return file.read() != ""


def read_the_memory_of_others(world):
    with open(f"/proc/{world['grader']}/maps") as maps, open(f"/proc/{world['grader']}/mem", "rb") as memory:
        memory.seek(int(maps.readline().split("-")[0], 16))
        return memory.read(16) != b""


def copy_the_memory_of_others(world):
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    for pid in (world["bystander"], world["zygote"], world["grader"]):
        libc.process_vm_readv(pid, local, 1, local, 1, 0)
        # A failure of the address alone means that the process could be read.
        if ctypes.get_errno() not in (1, 3, 38):
            return True
    return False


def attach_as_a_debugger(world):
    attach = 16
    return libc.ptrace(attach, world["bystander"], None, None) == 0


def take_a_descriptor_of_another_process(world):
    pidfd = libc.syscall(434, world["zygote"], 0)
    return pidfd >= 0 and libc.syscall(438, pidfd, 0, 0) >= 0


def read_its_own_environment(world):
    return [f"{name}={value}" for name, value in os.environ.items()]


def read_its_own_argument_vector(world):
    return [*sys.argv, *sys.orig_argv, *sys.path]


def use_an_inherited_descriptor(world):
    open_ones = []
    for fd in range(4, 4096):
        with contextlib.suppress(OSError):
            os.fstat(fd)
            open_ones.append(fd)
    return open_ones != []


def read_from_the_zygotes_log(world):
    return [os.pread(fd, 4096, 0).decode() for fd in (1, 2)] != []


def walk_every_object(world):
    found = []
    for item in gc.get_objects():
        for part in gc.get_referents(item):
            if type(part) is str and world["half_marker"] in part:
                found.append(part)
    return [text for text in found if text != world["half_marker"]]


def walk_the_frames(world):
    found, frame = [], sys._getframe()
    while frame:
        found += [repr(value)[:200] for name, value in frame.f_locals.items() if name not in ("world", "found")]
        frame = frame.f_back
    return any("oracle" in text for text in found)


def import_the_reference(world):
    return any(importlib.import_module(name) for name in ("reference", "solutions", "tests"))


def import_the_trusted_side(world):
    sys.path.append(world["checkout"])
    return importlib.import_module("grader.workers") is not None


def read_system_files(world):
    found = []
    for path in ("/etc/passwd", "/etc/hostname", "/proc/self/status", "/proc/version", "/sys/kernel/uevent_seqnum"):
        with contextlib.suppress(OSError), open(path) as file:
            found.append(file.read())
    return found != []


def open_a_file_by_its_handle(world):
    handle = ctypes.create_string_buffer(256)
    handle[0:4] = (128).to_bytes(4, "little")
    mount = ctypes.c_int()
    return libc.name_to_handle_at(-100, world["secret"].encode(), handle, ctypes.byref(mount), 0) == 0


def watch_a_folder(world):
    fd = libc.inotify_init1(0)
    return fd >= 0 and libc.inotify_add_watch(fd, world["folder"].encode(), 0xFFF) >= 0


def find_shared_memory(world):
    return os.listdir("/dev/shm") is not None


def guess_which_names_exist(world):
    return {"exists": [os.path.exists(path) for path in world["names"]]}
