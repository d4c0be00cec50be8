"""Why a layer of confinement is missing on this machine, and what to do about it."""

from __future__ import annotations

from pathlib import Path

from grader.worker.control import Layer

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_MAX_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))

_NEEDS_NAMESPACES = (Layer.NAMESPACES, Layer.PRIVATE_ROOT)
_ONLY_OWN_CODE = "To run code of your own without it: --sandbox=unsafe"


def explain(layer: Layer, reason: str, profile: str) -> str:
    """What is missing, the likely cause, and what to type.

    Args:
        layer: The layer that a profile requires.
        reason: What the worker said, with the errno.
        profile: The profile's name.
    """
    return (
        f"the sandbox {profile!r} needs the layer {layer.value!r}, which cannot be applied here: {reason}. "
        f"Likely cause: {likely_cause(layer, reason)}. {remedy(layer)}."
    )


def likely_cause(layer: Layer, reason: str) -> str:
    """The usual reason for which a layer is missing, as far as this machine tells."""
    match layer:
        case Layer.NAMESPACES | Layer.PRIVATE_ROOT:
            return _cause_of_no_namespaces()
        case Layer.LANDLOCK if "EOPNOTSUPP" in reason:
            return "Landlock is built in but off; add it to the kernel's lsm= parameter"
        case Layer.LANDLOCK:
            return "a kernel without Landlock (CONFIG_SECURITY_LANDLOCK, Linux 5.13), or a container's filter"
        case Layer.SECCOMP:
            return "a kernel without CONFIG_SECCOMP_FILTER"
        case Layer.PRIVILEGES:
            return "an interpreter in a private home directory, or a user namespace without that uid"
        case _:
            return "a container's filter"


def _cause_of_no_namespaces() -> str:
    if any(mark.exists() for mark in _CONTAINER_MARKS):
        return "the container's default seccomp profile, which forbids unshare and mount"
    if _reads(_APPARMOR, "1"):
        return (
            "AppArmor restricts user namespaces; an administrator may allow them with "
            "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        )
    if _reads(_MAX_NAMESPACES, "0"):
        return "user namespaces are off; an administrator may allow them with `sysctl user.max_user_namespaces=10000`"
    return "a container or a security module that forbids namespaces, or a kernel before Linux 5.12"


def _reads(path: Path, value: str) -> bool:
    return path.exists() and path.read_text().strip() == value


def remedy(layer: Layer) -> str:
    """What to type to go on without the layer."""
    if layer in _NEEDS_NAMESPACES:
        return "Inside a container that you trust to hold: --sandbox=container"
    if layer is Layer.PRIVILEGES:
        return "Install Python where every user can read it, or use --sandbox=strict"
    return _ONLY_OWN_CODE
