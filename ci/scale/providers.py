"""What so many providers in the configuration cost: reading it, memory, a request, a reload.

    providers.py NGINX MODULE [NUMBER]...

For each number, a configuration of as many blocks and servers is written, with and without the module. Prints
one JSON object per number.
"""

import http.client
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

_ANSWERS = 2_000


def main(nginx, module, *numbers):
    for number in map(int, numbers or ("20", "200", "2000", "20000")):
        without, having = _measure(nginx, None, number), _measure(nginx, module, number)
        print(json.dumps({"providers": number, "without": without, "with": having}), flush=True)


def _measure(nginx, module, number):
    place = pathlib.Path(tempfile.mkdtemp(prefix="scale-"))
    place.chmod(0o755)
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (place / "nginx.conf").write_text(_configuration(module, number, port))
        command = [nginx, "-p", f"{place}/", "-c", "nginx.conf", "-e", "error.log"]
        return {"test_s": _test(command), **_run(command, place, port, number)}
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _configuration(module, number, port):
    load, blocks = "", ""
    if module:
        load = f"load_module {module};"
        blocks = "\n".join(_block(at) for at in range(number))
    servers = "\n".join(_server(at, port, module) for at in range(number))
    return f"""{load}
daemon off; worker_processes 1; pid nginx.pid; error_log error.log notice;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_requests 1000000; server_names_hash_max_size 131072;
    {blocks}
    {servers}
}}
"""


def _block(at):
    core = "https://sso.example.com/application/o"
    return f"""authentik_provider app-{at:05} {{
    issuer {core}/app-{at:05}/; client_id {at:040x}; client_secret {at:0128x};
    external_host https://app-{at:05}.example.com; unauth_paths ^/app-{at:05}/public/;
}}"""


def _server(at, port, module):
    answers = f"authentik_provider app-{at:05};" if module else "return 204;"
    return f"server {{ listen 127.0.0.1:{port}; server_name app-{at:05}.example.com; {answers} }}"


def _test(command):
    """CPU seconds of `nginx -t`, the least of three."""
    return min(_test_once(command) for _ in range(3))


def _test_once(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, "-t", "-q"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-1000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(command, place, port, number):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        (worker,) = _workers(process.pid, 1)
        of_first, of_any = _requests(port, worker, [0]), _requests(port, worker, range(number))
        figures = {
            "master_kib": _private(process.pid),
            "worker_kib": _private(worker),
            "one_us": of_first,
            "any_us": of_any,
        }
        begun, busy = time.monotonic(), _cpu(process.pid)
        process.send_signal(signal.SIGHUP)
        while worker in _workers(process.pid, 1):
            time.sleep(0.01)
        figures["reload_s"] = time.monotonic() - begun
        figures["reload_cpu_s"] = _cpu(process.pid) - busy
        figures["master_after_kib"] = _private(process.pid)
        return figures
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _workers(pid, least):
    """The processes that nginx has started; waits until there are so many."""
    patience = time.monotonic() + 300
    while time.monotonic() < patience:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(text) >= least:
            return [int(one) for one in text]
        time.sleep(0.02)
    raise RuntimeError("nginx has no worker")


def _requests(port, worker, servers):
    """Microseconds of the worker's CPU for a stranger's request: the median of five rounds."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    rounds = []
    for _ in range(5):
        before = _cpu(worker)
        for at in range(_ANSWERS):
            # A step that visits all of them in no order.
            server = servers[at * 7_919 % len(servers)]
            connection.request("GET", "/", headers={"Host": f"app-{server:05}.example.com"})
            connection.getresponse().read()
        rounds.append((_cpu(worker) - before) / _ANSWERS * 1e6)
    return statistics.median(rounds)


def _cpu(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _private(pid):
    """Memory of the process that is no file and not shared by mapping, in KiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise RuntimeError("no RssAnon")


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main(*sys.argv[1:])
