"""nbgrader's formgrader, served by a real Jupyter server and used with a real browser."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
_START_S = 120


@contextmanager
def served(root: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a formgrader for an nbgrader folder, for as long as the context lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "jpserver_extensions": "{'nbgrader.server_extensions.formgrader': True}",
        "ip": "127.0.0.1",
        "port": port,
        "port_retries": 0,
        "open_browser": False,
        "allow_root": True,
        "root_dir": root,
    }
    command = [sys.executable, "-m", "jupyter", "server", "--IdentityProvider.token="]
    command += [f"--ServerApp.{name}={value}" for name, value in options.items()]
    log = root / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=root, env=dict(environment), stdout=file, stderr=file)
    try:
        address = f"http://127.0.0.1:{port}/formgrader"
        _wait_for(address, server, log)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=30).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the Jupyter server does not answer:\n{log.read_text()}")


@contextmanager
def browser_page() -> Iterator[Any]:
    """A page of the installed Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=_SWITCHES)
        try:
            yield browser.new_page()
        finally:
            browser.close()


def give(page: Any, cell: str, value: str) -> None:
    """Type into a field of the page that is open, and wait until formgrader has saved it."""
    field = page.locator(f'[id="{cell}"]')
    with page.expect_response(lambda answer: answer.request.method == "PUT") as saved:
        field.fill(value)
        field.dispatch_event("change")
    assert saved.value.ok, saved.value.status_text
