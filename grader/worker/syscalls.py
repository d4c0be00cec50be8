"""The system calls that a worker may make, with their numbers on each architecture.

Each entry is a name and its number on x86_64 and on aarch64, or a dash where that architecture lacks it. The numbers
are those of the kernel's `asm/unistd_64.h` and `asm-generic/unistd.h`; a test compares them with the headers.
"""

from __future__ import annotations

import platform
from typing import Final

ARCHITECTURES: Final = ("x86_64", "aarch64")

ALLOWED: Final = """
    access 21 -; alarm 37 -; arch_prctl 158 -; brk 12 214; chdir 80 49; clock_getres 229 114; clock_gettime 228 113;
    clock_nanosleep 230 115; close 3 57; close_range 436 436; copy_file_range 326 285; creat 85 -; dup 32 23; dup2 33 -;
    dup3 292 24; epoll_create1 291 20; epoll_ctl 233 21; epoll_pwait 281 22; epoll_pwait2 441 441; epoll_wait 232 -;
    eventfd 284 -; eventfd2 290 19; exit 60 93; exit_group 231 94; faccessat 269 48; faccessat2 439 439;
    fadvise64 221 223; fallocate 285 47; fchdir 81 50; fdatasync 75 83; fstat 5 80; fstatfs 138 44; fsync 74 82;
    ftruncate 77 46; futex 202 98; futex_waitv 449 449; getcpu 309 168; getcwd 79 17; getdents 78 -; getdents64 217 61;
    getegid 108 177; geteuid 107 175; getgid 104 176; getgroups 115 158; getitimer 36 102; getpgid 121 155;
    getpgrp 111 -; getpid 39 172; getppid 110 173; getrandom 318 278; getresgid 120 150; getresuid 118 148;
    getrlimit 97 163; getrusage 98 165; getsid 124 156; gettid 186 178; gettimeofday 96 169; getuid 102 174; lseek 8 62;
    lstat 6 -; madvise 28 233; membarrier 324 283; mkdir 83 -; mkdirat 258 34; mmap 9 222; mprotect 10 226;
    mremap 25 216; msync 26 227; munmap 11 215; nanosleep 35 101; newfstatat 262 79; open 2 -; openat 257 56;
    pause 34 -; pipe 22 -; pipe2 293 59; poll 7 -; ppoll 271 73; pread64 17 67; preadv 295 69; preadv2 327 286;
    pselect6 270 72; pwrite64 18 68; pwritev 296 70; pwritev2 328 287; read 0 63; readlink 89 -; readlinkat 267 78;
    readv 19 65; rename 82 -; renameat 264 38; renameat2 316 276; restart_syscall 219 128; rmdir 84 -; rseq 334 293;
    rt_sigaction 13 134; rt_sigpending 127 136; rt_sigprocmask 14 135; rt_sigreturn 15 139; rt_sigsuspend 130 133;
    rt_sigtimedwait 128 137; sched_get_priority_max 146 125; sched_get_priority_min 147 126; sched_getaffinity 204 123;
    sched_getparam 143 121; sched_getscheduler 145 120; sched_yield 24 124; select 23 -; sendfile 40 71;
    set_robust_list 273 99; set_tid_address 218 96; setitimer 38 103; setrlimit 160 164; sigaltstack 131 132; stat 4 -;
    statfs 137 43; statx 332 291; sysinfo 99 179; time 201 -; times 100 153; umask 95 166; uname 63 160; unlink 87 -;
    unlinkat 263 35; wait4 61 260; waitid 247 95; write 1 64; writev 20 66
"""
"""Allowed with any arguments."""

GUARDED: Final = """
    clone 56 220; clone3 435 435; fcntl 72 25; ioctl 16 29; kill 62 129; prctl 157 167; prlimit64 302 261;
    sched_setaffinity 203 122; tgkill 234 131
"""
"""Allowed with some arguments; `seccomp.py` says which."""

FAKED: Final = """
    chmod 90 -; fchmod 91 52; fchmodat 268 53; fchmodat2 452 452; flock 73 32; futimesat 261 -; utime 132 -;
    utimensat 280 88; utimes 235 -
"""
"""Answered as done, and not done: Landlock does not cover them, and libraries call them on files of their own."""

REFUSED: Final = """
    accept 43 202; accept4 288 242; acct 163 89; add_key 248 217; adjtimex 159 171; bind 49 200; bpf 321 280;
    capset 126 91; chown 92 -; chroot 161 51; clock_adjtime 305 266; clock_settime 227 112; connect 42 203;
    delete_module 176 106; execve 59 221; execveat 322 281; fanotify_init 300 262; fanotify_mark 301 263; fchown 93 55;
    fchownat 260 54; fgetxattr 193 10; finit_module 313 273; fork 57 -; fremovexattr 199 16; fsconfig 431 431;
    fsetxattr 190 7; fsmount 432 432; fsopen 430 430; fspick 433 433; get_mempolicy 239 236; get_robust_list 274 100;
    getpeername 52 205; getsockname 51 204; getsockopt 55 209; getxattr 191 8; init_module 175 105;
    inotify_add_watch 254 27; inotify_init 253 -; inotify_init1 294 26; io_setup 206 0; io_submit 209 2;
    io_uring_enter 426 426; io_uring_register 427 427; io_uring_setup 425 425; ioperm 173 -; iopl 172 -;
    ioprio_set 251 30; kcmp 312 272; kexec_file_load 320 294; kexec_load 246 104; keyctl 250 219;
    landlock_add_rule 445 445; landlock_create_ruleset 444 444; landlock_restrict_self 446 446; lchown 94 -;
    lgetxattr 192 9; link 86 -; linkat 265 37; listen 50 201; lremovexattr 198 15; lsetxattr 189 6; mbind 237 235;
    memfd_create 319 279; memfd_secret 447 447; migrate_pages 256 238; mincore 27 232; mknod 133 -; mknodat 259 33;
    mlock 149 228; mlockall 151 230; modify_ldt 154 -; mount 165 40; mount_setattr 442 442; move_mount 429 429;
    move_pages 279 239; mq_notify 244 184; mq_open 240 180; mq_unlink 241 181; msgget 68 186; msgrcv 70 188;
    msgsnd 69 189; name_to_handle_at 303 264; open_by_handle_at 304 265; open_tree 428 428; openat2 437 437;
    perf_event_open 298 241; personality 135 92; pidfd_getfd 438 438; pidfd_open 434 434; pidfd_send_signal 424 424;
    pivot_root 155 41; pkey_mprotect 329 288; process_madvise 440 440; process_mrelease 448 448;
    process_vm_readv 310 270; process_vm_writev 311 271; ptrace 101 117; quotactl 179 60; reboot 169 142;
    recvfrom 45 207; recvmmsg 299 243; recvmsg 47 212; remap_file_pages 216 234; removexattr 197 14;
    request_key 249 218; rt_sigqueueinfo 129 138; rt_tgsigqueueinfo 297 240; sched_setattr 314 274;
    sched_setparam 142 118; sched_setscheduler 144 119; seccomp 317 277; semctl 66 191; semget 64 190; semop 65 193;
    sendmmsg 307 269; sendmsg 46 211; sendto 44 206; set_mempolicy 238 237; set_mempolicy_home_node 450 450;
    setdomainname 171 162; setfsgid 123 152; setfsuid 122 151; setgid 106 144; setgroups 116 159; sethostname 170 161;
    setns 308 268; setpgid 109 154; setpriority 141 140; setregid 114 143; setresgid 119 149; setresuid 117 147;
    setreuid 113 145; setsid 112 157; setsockopt 54 208; settimeofday 164 170; setuid 105 146; setxattr 188 5;
    shmat 30 196; shmctl 31 195; shmdt 67 197; shmget 29 194; shutdown 48 210; signalfd 282 -; signalfd4 289 74;
    socket 41 198; socketpair 53 199; splice 275 76; swapoff 168 225; swapon 167 224; symlink 88 -; symlinkat 266 36;
    syslog 103 116; tee 276 77; timer_create 222 107; timerfd_create 283 85; tkill 200 130; truncate 76 45;
    umount2 166 39; unshare 272 97; userfaultfd 323 282; vfork 58 -; vhangup 153 58; vmsplice 278 75
"""
"""Refused with EPERM; anything that is not named here, with ENOSYS."""


def numbers(group: str, architecture: str) -> dict[str, int]:
    """The numbers of a group's system calls, by name, that an architecture has."""
    column = 1 + ARCHITECTURES.index(architecture)
    entries = [entry.split() for entry in group.split(";")]
    return {entry[0]: int(entry[column]) for entry in entries if entry[column] != "-"}


# Elsewhere the zygote refuses to start before any number is used.
MACHINE: Final = platform.machine() if platform.machine() in ARCHITECTURES else ARCHITECTURES[0]
NUMBERS: Final = {
    name: number for group in (ALLOWED, GUARDED, FAKED, REFUSED) for name, number in numbers(group, MACHINE).items()
}
"""Every system call that is named here, on this machine."""
