"""Attacks that change files, reach the network, or ask the kernel for more."""

import contextlib
import ctypes
import os
import socket
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
X86_64 = os.uname().machine == "x86_64"


def call(x86_64, aarch64, *arguments):
    """A raw system call; whether it succeeded."""
    return libc.syscall(x86_64 if X86_64 else aarch64, *arguments) >= 0


def rewrite_the_gradebook(world):
    with open(world["gradebook"], "w") as file:
        file.write("100")


def append_to_the_gradebook(world):
    fd = os.open(world["gradebook"], os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"100")


def empty_the_gradebook(world):
    with contextlib.suppress(OSError):
        os.truncate(world["gradebook"], 0)
    os.open(world["gradebook"], os.O_RDONLY | os.O_TRUNC)


def delete_the_gradebook(world):
    os.unlink(world["gradebook"])


def put_another_gradebook_in_its_place(world):
    with open("other", "w") as file:
        file.write("100")
    os.rename("other", world["gradebook"])


def plant_a_plugin(world):
    for name in ("conftest.py", "sitecustomize.py", "pytest.ini"):
        with contextlib.suppress(OSError), open(os.path.join(world["folder"], name), "w") as file:
            file.write("raise SystemExit(0)")


def make_a_folder(world):
    os.mkdir(os.path.join(world["folder"], "folder"))


def change_who_may_write_the_gradebook(world):
    libc.chmod(world["gradebook"].encode(), 0o4700)
    libc.chown(world["gradebook"].encode(), os.getuid(), os.getgid())


def date_the_gradebook_back(world):
    os.utime(world["gradebook"], (1, 1))


def mark_the_gradebook(world):
    os.setxattr(world["gradebook"], "user.grade", b"100")


def write_through_a_link(world):
    os.symlink(world["gradebook"], "link")
    with open("link", "w") as file:
        file.write("100")


def write_through_a_hard_link(world):
    os.link(world["gradebook"], "hard")
    with open("hard", "w") as file:
        file.write("100")


def leave_a_link_pipe_or_device(world):
    left = []
    for make in (
        lambda: os.symlink("/etc/passwd", "link"),
        lambda: os.mkfifo("pipe"),
        lambda: os.mknod("device", 0o60666, 0x0800),
    ):
        with contextlib.suppress(OSError):
            make()
            left.append(make)
    return left != []


def change_the_interpreter(world):
    changed = []
    for path in (os.__file__, ctypes.__file__, "/usr/lib/x"):
        with contextlib.suppress(OSError), open(path, "a"):
            changed.append(path)
    return changed != []


def connect_by_tcp(world):
    with socket.socket() as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", world["tcp"]))
        client.sendall(b"x")
    return True


def send_by_udp(world):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", world["udp"]))


def connect_to_a_socket_file(world):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", world["unix"])


def connect_to_an_abstract_socket(world):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", "\0" + world["abstract"])


def listen(world):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
    return True


def make_exotic_sockets(world):
    made = []
    netlink, packet, alg, vsock, multipath = (16, 3, 0), (17, 3, 0), (38, 5, 0), (40, 1, 0), (2, 1, 262)
    for family, kind, protocol in (netlink, packet, alg, vsock, multipath):
        with contextlib.suppress(OSError):
            socket.socket(family, kind, protocol).close()
            made.append(family)
    return made != []


def resolve_a_name(world):
    return socket.getaddrinfo("localhost.localdomain", 80) == []


def pass_a_descriptor(world):
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", 0))
    with socket.socket(fileno=os.dup(3)) as channel:
        return channel.sendmsg([b"x"], [rights]) == 1


def set_up_io_uring(world):
    return call(425, 425, 8, ctypes.create_string_buffer(256))


def load_a_kernel_program(world):
    return call(321, 280, 0, ctypes.create_string_buffer(128), 128)


def count_events(world):
    return call(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)


def handle_page_faults(world):
    return call(323, 282, 0) or call(323, 282, 1)


def use_keyrings(world):
    return call(250, 219, 1, None) or call(248, 217, b"user", b"name", b"secret", 6, -3)


def make_a_user_namespace(world):
    return libc.unshare(0x10000000) == 0


def clone_into_namespaces(world):
    flags = 0x10000000 | 17
    return call(56, 220, flags, 0, 0, 0, 0)


def enter_the_namespaces_of_others(world):
    pidfd = libc.syscall(434, world["grader"], 0)
    return libc.setns(pidfd, 0x20000) == 0


def mount_something(world):
    mounted = [
        libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
        libc.mount(b"none", b"/", None, 0x1020, None) == 0,
        libc.umount2(b"/tmp", 2) == 0,
    ]
    return any(mounted)


def mount_by_the_new_calls(world):
    return call(428, 428, -100, b"/", 1) or call(430, 430, b"tmpfs", 0)


def change_the_root(world):
    return libc.chroot(b"/tmp") == 0


def climb_above_the_root(world):
    os.chdir("/" + "../" * 30)
    with open("." + world["secret"]) as file:
        return file.read()


def become_root(world):
    changed = []
    for change in (
        lambda: os.setuid(0),
        lambda: os.setresuid(0, 0, 0),
        lambda: os.setgid(0),
        lambda: os.setgroups([0]),
    ):
        with contextlib.suppress(OSError):
            change()
            changed.append(change)
    return changed != []


def take_capabilities(world):
    header = struct.pack("Ii", 0x20080522, 0)
    return libc.capset(header, struct.pack("IIIIII", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0)) == 0


def execute_memory_as_a_program(world):
    fd = os.memfd_create("program")
    os.write(fd, b"#!/bin/sh\n")
    os.execve(fd, ["program"], {})


def execute_a_file_of_its_own(world):
    with open("program", "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod("program", 0o755)
    os.execv("program", ["program"])


def use_another_call_table(world):
    x32 = 0x40000000
    return libc.syscall(x32 | 39) > 0


def change_its_personality(world):
    return libc.personality(0x0040000) >= 0


def type_into_a_terminal(world):
    return any(libc.ioctl(fd, 0x5412, ctypes.c_char_p(b"x")) == 0 for fd in range(4))


def loosen_its_own_filter(world):
    allow_all = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(allow_all)
    described = struct.pack("HxxxxxxP", 1, ctypes.addressof(buffer))
    libc.prctl(22, 2, described, 0, 0)
    pid = libc.syscall(57 if X86_64 else 220, 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid > 0


def loosen_its_own_landlock(world):
    rights = struct.pack("Q", 1)
    ruleset = libc.syscall(444, rights, 8, 0)
    libc.syscall(446, ruleset, 0)
    with open(world["secret"]) as file:
        return file.read()
