"""An nginx for one case: its directory, configuration, port, and the CPU time of its workers."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import processors
from settings import SETTINGS

FILE = ("0123456789abcdef" * 64).encode()  # 1 KB


class Server:
    """A running nginx. Ends, with its directory, at the end of the `with` block.

    `http` and `locations` take the port and give configuration text; `module` is the module to load:
    `seeded` means the one with the feature `bench-seed`; `wrapper` is a command that runs nginx in one process. With more than
    one worker each has its share of the connections, and they run on all processors.
    """

    # The signal for a graceful shutdown.
    _end = signal.SIGQUIT

    def __init__(
        self,
        name,
        locations="",
        http=lambda port: "",
        seeded=False,
        wrapper=(),
        workers=1,
        module=None,
    ):
        self.name = name
        self._workers = workers
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._wrapper = list(wrapper)
        self._dir = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self._dir.chmod(0o755)
        (self._dir / "www").mkdir()
        (self._dir / "www" / "1k").write_bytes(FILE)
        module = SETTINGS.module_seed if seeded else module
        (self._dir / "server.conf").write_text(self._configuration(http, locations, module))
        self._process = None

    def _configuration(self, http, locations, module):
        load = f"load_module {module};" if module else ""
        process = f"worker_processes {self._workers};"
        if self._wrapper:
            process = "master_process off;"
        shared = "reuseport" if self._workers > 1 else ""
        body = locations(self.port) if callable(locations) else locations
        return f"""
{load}
daemon off;
{process}
pid nginx.pid;
error_log error.log notice;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    sendfile on;
    root www;
    default_type text/plain;
    client_body_temp_path tmp;
    proxy_temp_path tmp;
    fastcgi_temp_path tmp;
    uwsgi_temp_path tmp;
    scgi_temp_path tmp;
    {http(self.port)}
    server {{
        listen 127.0.0.1:{self.port} {shared};
        server_name 127.0.0.1;
        {body}
    }}
}}
"""

    def _command(self):
        return [SETTINGS.nginx, "-p", f"{self._dir}/", "-c", "server.conf", "-e", "error.log"]

    def __enter__(self):
        self.start()
        return self

    def start(self):
        # Modules are loaded by the master: workers may have no access to the directory of the .so.
        with open(self._dir / "out", "wb") as out:
            self._process = subprocess.Popen(
                self._wrapper + self._command(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=processors.of_servers if self._workers == 1 else None,
            )
        try:
            wait_for_answer(self.port, self._process)
            self._wait_until_it_is_seeded()
        except RuntimeError as error:
            said = f"{self.log()}{self.output()}"
            self.__exit__()
            raise RuntimeError(f"{self.name}: {error}\n{said}") from None
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self._dir, ignore_errors=True)

    def _wait_until_it_is_seeded(self):
        """One worker does that, while others answer already."""
        if "authentik_bench_seed" not in (self._dir / "server.conf").read_text():
            return
        patience = time.monotonic() + 600
        while "authentik: bench: " not in self.log():
            if time.monotonic() > patience:
                raise RuntimeError("no line of authentik_bench_seed")
            time.sleep(0.05)

    def without(self, directive):
        """From the next start on, the configuration does not have this directive."""
        path = self._dir / "server.conf"
        text = path.read_text()
        if directive not in text:
            raise RuntimeError(f"{self.name}: the configuration has no {directive}")
        path.write_text(text.replace(directive, ""))

    def stop(self):
        """Asks it to finish, and waits."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(self._end)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def log(self):
        path = self._dir / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def lines(self, name):
        """Of a file in its directory."""
        return (self._dir / name).read_text(errors="replace").splitlines()

    def output(self):
        return (self._dir / "out").read_text(errors="replace")

    def worker(self):
        """The process id of its one worker."""
        (worker,) = children(self._process.pid)
        return worker

    def cpu_seconds(self):
        """User and system time of master and workers so far."""
        return sum(cpu_seconds(pid) for pid in [self._process.pid, *children(self._process.pid)])


def wait_for_answer(port, process):
    """Waits until the process answers there."""
    # Seeding 100,000 sessions and valgrind are slow.
    patience = time.monotonic() + 600
    while time.monotonic() < patience:
        if process.poll() is not None:
            raise RuntimeError("it did not start")
        try:
            # A response, not just a connection: the kernel accepts those before a worker is ready.
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.settimeout(300)
                connection.sendall(b"GET /1k HTTP/1.0\r\n\r\n")
                if connection.recv(1):
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("it does not listen")


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid):
    """utime + stime of a process with all its threads.

    From schedstat where the kernel has it: the same time in nanoseconds instead of ticks of 10 ms.
    """
    total = 0.0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0]) / 1e9
        except FileNotFoundError:
            fields = (task / "stat").read_text().rsplit(") ", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
