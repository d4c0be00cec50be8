"""Attacks that stop, starve or outlive the grader."""

import contextlib
import ctypes
import mmap
import multiprocessing
import os
import resource
import signal
import subprocess
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
X86_64 = os.uname().machine == "x86_64"


def kill_others(world):
    for pid in (world["bystander"], world["zygote"], os.getppid()):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def stop_others(world):
    for pid in (world["bystander"], world["zygote"], os.getppid()):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGSTOP)


def signal_everyone(world):
    os.kill(-1, 0)
    return True


def signal_its_group(world):
    os.kill(0, 0)
    return True


def kill_one_thread_of_others(world):
    tkill, tgkill = (200, 234) if X86_64 else (130, 131)
    libc.syscall(tkill, world["bystander"], signal.SIGKILL)
    libc.syscall(tgkill, world["bystander"], world["bystander"], signal.SIGKILL)


def queue_a_signal(world):
    info = ctypes.create_string_buffer(128)
    info[8:12] = (-1 & 0xFFFFFFFF).to_bytes(4, "little")
    libc.syscall(129 if X86_64 else 138, world["bystander"], signal.SIGKILL, info)


def kill_by_pidfd(world):
    pidfd = libc.syscall(434, world["bystander"], 0)
    libc.syscall(424, pidfd, signal.SIGKILL, 0, 0)


def have_the_kernel_send_a_signal(world):
    import fcntl

    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, world["bystander"])
    fcntl.fcntl(reader, 10, signal.SIGKILL)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writer, b"x")


def limit_others(world):
    for pid in (world["bystander"], world["zygote"], world["grader"]):
        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1))


def pin_others_to_one_processor(world):
    for pid in (world["bystander"], world["zygote"]):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})


def slow_others_down(world):
    for pid in (world["bystander"], world["zygote"]):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, 19)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def raise_its_own_limits(world):
    raised = []
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            raised.append(kind)
    return raised != []


def outlive_the_zygote(world):
    set_death_signal = 1
    return libc.prctl(set_death_signal, 0, 0, 0, 0) == 0


def let_debuggers_in(world):
    set_dumpable = 4
    return libc.prctl(set_dumpable, 1, 0, 0, 0) == 0


def fork(world):
    pid = os.fork()
    if pid == 0:
        time.sleep(20)
        os._exit(0)
    return True


def fork_past_the_python_layer(world):
    calls = [(57,), (58,)] if X86_64 else []
    calls += [(56 if X86_64 else 220, signal.SIGCHLD, 0, 0, 0, 0)]
    for call in calls:
        pid = libc.syscall(*call)
        if pid == 0:
            time.sleep(20)
            os._exit(0)
        if pid > 0:
            return True
    return False


def leave_a_daemon(world):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(20)
        os._exit(0)
    return True


def start_a_shell(world):
    return os.system("sleep 20 &") == 0


def start_a_program(world):
    subprocess.Popen(["/bin/sleep", "20"])
    return True


def spawn_a_program(world):
    os.posix_spawn("/bin/sleep", ["sleep", "20"], {})
    return True


def start_a_pool(world):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [1]) == [1]


def become_another_program(world):
    os.execv("/bin/sleep", ["sleep", "20"])


def start_a_thousand_threads(world):
    started = 0
    with contextlib.suppress(RuntimeError):
        for _ in range(1000):
            threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
            started += 1
    return started > 100


def map_shared_memory(world):
    held = []
    with contextlib.suppress(OSError):
        for _ in range(16):
            held.append(mmap.mmap(-1, 256 << 20))
    return len(held) == 16


def map_files_in_memory(world):
    fd = os.memfd_create("memory")
    os.ftruncate(fd, 4 << 30)
    return True


def touch_all_pages(world):
    held = []
    while len(held) < 64:
        held.append(bytearray(os.urandom(1) * (64 << 20)))
    return True


def fill_the_disk(world):
    import tempfile

    written = 0
    with contextlib.suppress(OSError):
        for number in range(8):
            with open(os.path.join(tempfile.gettempdir(), f"{number}"), "wb") as file:
                for _ in range(40):
                    written += file.write(bytes(1 << 20))
    return written > 70 << 20


def use_up_inodes(world):
    import tempfile

    made = 0
    with contextlib.suppress(OSError):
        for number in range(5000):
            os.close(os.open(os.path.join(tempfile.gettempdir(), f"{number}"), os.O_CREAT))
            made += 1
    return made > 2000


def make_one_huge_file(world):
    with open("huge", "wb") as file:
        file.truncate(1 << 40)
    return True


def use_up_descriptors(world):
    held = []
    with contextlib.suppress(OSError):
        for _ in range(1000):
            held.append(os.open("/dev/null", os.O_RDONLY))
    return len(held) > 500


def lock_a_library(world):
    import fcntl

    with open(os.__file__) as file:
        fcntl.lockf(file, fcntl.LOCK_SH)
    return True


def make_kernel_objects_that_stay(world):
    made = [libc.shmget(0, 1 << 20, 0o1600) >= 0, libc.semget(0, 1, 0o1600) >= 0, libc.msgget(0, 0o1600) >= 0]
    return any(made)


def stack_without_end(world):
    ctypes.string_at(0)
