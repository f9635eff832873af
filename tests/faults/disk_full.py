#!/usr/bin/python3
"""R06: fills the disk under the serving process, and then makes room again.

The data folder lies on a file system of 16 MB of its own. Needs are registered until it is full:
then every write must be refused with RESOURCE_EXHAUSTED, reason DISK_FULL, while reads go on; once
there is room, writes are taken again by the same process, and everything acknowledged is there.

  disk_full.py [PROGRAM]
"""
import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from served import Served, binary, token  # noqa: E402

SIZE = 16 << 20
BALLAST = 6 << 20
REFUSED_IN_A_ROW = 50
INSIDE = "--inside"


class Door:
    def __init__(self, address, bearer):
        self.connection = http.client.HTTPConnection(address, timeout=30)
        self.headers = {"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
        self.count = 0

    def ask(self, method, path, body=None):
        begun = time.monotonic()
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read()), time.monotonic() - begun

    def register(self):
        self.count += 1
        text = f"第{self.count}件:" + "路灯不亮" * 400
        return self.ask("POST", "/v1/needs", json.dumps(
            {"text": text, "division": "331082001001", "channel": "ONLINE"},
            ensure_ascii=False).encode())


def reason_of(answer):
    details = answer.get("error", {}).get("details", [])
    return next((detail["reason"] for detail in details if "reason" in detail), None)


def require(right, what):
    if not right:
        raise SystemExit("FAILED: " + what)


def run(program, folder, log_dir):
    ballast = os.path.join(folder, "ballast")
    with open(ballast, "wb") as file:
        file.write(bytes(BALLAST))
    bearer = token(program, folder, "disk", "--role", "COMMUNITY_WORKER", "--area", "331082")
    with Served(program, folder, doors=("http",), log_dir=log_dir) as served:
        door = Door(served.addresses["http"], bearer)
        names = []
        refused, slowest, reads = 0, 0.0, 0
        while refused < REFUSED_IN_A_ROW:
            status, answer, took = door.register()
            if status == 200:
                # The last bytes of a disk may still take a smaller write than the one refused.
                names.append(answer["name"])
                refused = 0
                require(len(names) < 100_000, "the disk never got full; the run is void")
            else:
                require(status == 429 and reason_of(answer) == "DISK_FULL",
                        f"a write on the full disk: HTTP {status}: {answer}")
                refused += 1
                slowest = max(slowest, took)
                status, answer, _ = door.ask("GET", "/v1/" + names[refused % len(names)])
                require(status == 200, f"a read on the full disk: HTTP {status}: {answer}")
                reads += 1
        os.remove(ballast)
        begun = time.monotonic()
        while True:
            status, answer, _ = door.register()
            if status == 200:
                break
            require(time.monotonic() - begun < 5, f"writes do not resume: {answer}")
            time.sleep(0.05)
        resumed = time.monotonic() - begun
        names.append(answer["name"])
        for _ in range(50):
            status, answer, _ = door.register()
            require(status == 200, f"a write after there is room: HTTP {status}: {answer}")
            names.append(answer["name"])
        require(served.process.poll() is None, "the process ended")
        for name in names:
            status, answer, _ = door.ask("GET", "/v1/" + name)
            require(status == 200, f"{name} is lost: HTTP {status}")
        require(served.terminate() == 0, "SIGTERM: " + served.last_words())
    verdict = subprocess.run([program, "verify", "--data-dir", folder], capture_output=True,
                             text=True, check=False)
    require(verdict.returncode == 0, f"verify: {verdict.stdout}{verdict.stderr}")
    print(f"disk full after {len(names) - 51} needs: {REFUSED_IN_A_ROW} writes refused (slowest "
          f"{slowest * 1000:.0f} ms), {reads} of {reads} reads went on, writes resumed after "
          f"{resumed * 1000:.0f} ms, 0 lost")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", nargs="?")
    arguments.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    program = binary(options.program)
    if not options.inside:
        # A mount that ends with the process, for root and, where the system lets them, for others.
        command = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
        if subprocess.run(command + ["true"], capture_output=True, check=False).returncode != 0:
            print("skipped: this system lets nobody mount here; store_fault_test does it instead")
            return 0
        return subprocess.run(command + [sys.executable, __file__, program, INSIDE],
                              check=False).returncode
    with tempfile.TemporaryDirectory(prefix="linjuli-disk-") as folder, \
            tempfile.TemporaryDirectory(prefix="linjuli-log-") as log_dir:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
        try:
            run(program, folder, log_dir)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
