#!/usr/bin/python3
"""2,000 slow clients beside an honest one (R31).

A third sends its header byte by byte, a third its body slower than is allowed, a third never reads
its answers. The honest client asks all the while; its figures beside those it has alone are
printed, and what the slow ones cost in memory. In the end every slow header and slow body must
have been cut off; --long waits for those that do not read, too.

  slow_clients.py [PROGRAM] [--clients N] [--long]
"""
import argparse
import http.client
import resource
import selectors
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0])
from served import Served, binary, token  # noqa: E402

ALONE_SECONDS = 3
HEADER_SECONDS = 10  # HttpServerOptions::header_timeout, and body_timeout
IDLE_SECONDS = 60


class Honest(threading.Thread):
    def __init__(self, address, bearer):
        super().__init__(daemon=True)
        self.address = address
        self.bearer = bearer
        self.stopping = False
        self.asked = 0
        self.times = []

    def run(self):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        while not self.stopping:
            begun = time.monotonic()
            self.asked += 1
            try:
                connection.request("GET", "/v1/articles", headers={"Authorization": "Bearer " + self.bearer})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.times.append(time.monotonic() - begun)
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(0.002)

    def end(self):
        """Share of answers that were right, and p50 and p99 in milliseconds."""
        self.stopping = True
        self.join(30)
        self.times.sort()
        at = lambda share: self.times[int(len(self.times) * share)] * 1000  # noqa: E731
        return len(self.times) / self.asked, at(0.5), at(0.99)


class Slow:
    """One connection: a kind, and what it still has to send, a byte a second."""

    def __init__(self, address, kind):
        self.kind = kind
        self.ended = None
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        if kind == "reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((host, int(port)))
        self.socket.setblocking(False)
        if kind == "header":
            self.socket.send(b"GET /v1/articles HTTP/1.1\r\nHost: a\r\nX-A: ")
        elif kind == "body":
            self.socket.send(b"POST /v1/needs HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        else:  # the documentation is the longest answer that everybody may ask for
            for _ in range(20):
                self.socket.send(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n")

    def drip(self):
        try:
            self.socket.send(b"x")
        except BlockingIOError:
            pass
        except OSError:
            self.ended = self.ended or time.monotonic()


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmRSS"].split()[0])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", nargs="?")
    arguments.add_argument("--clients", type=int, default=2000)
    arguments.add_argument("--long", action="store_true")
    options = arguments.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    program = binary(options.program)
    faults = []
    with tempfile.TemporaryDirectory(prefix="linjuli-slow-") as data_dir:
        bearer = token(program, data_dir, "honest", "--role", "COMMUNITY_WORKER", "--area", "331082")
        with Served(program, data_dir, doors=("http",)) as served:
            address = served.addresses["http"]
            alone = Honest(address, bearer)
            alone.start()
            time.sleep(ALONE_SECONDS)
            alone_ok, alone_p50, alone_p99 = alone.end()

            before = memory(served.process.pid)
            begun = time.monotonic()
            slow = [Slow(address, ("header", "body", "reader")[i % 3]) for i in range(options.clients)]
            print(f"{len(slow)} connections opened in {time.monotonic() - begun:.1f} s")
            begun = time.monotonic()
            honest = Honest(address, bearer)
            honest.start()
            waiting = selectors.DefaultSelector()
            for client in slow:
                if client.kind != "reader":
                    waiting.register(client.socket, selectors.EVENT_READ, client)
            most = 0
            drip_at = begun + 1
            end = begun + (IDLE_SECONDS + 5 if options.long else HEADER_SECONDS + 4)
            while time.monotonic() < end:
                if time.monotonic() >= drip_at:
                    most = max(most, memory(served.process.pid))
                    for client in slow:
                        if client.kind != "reader" and client.ended is None:
                            client.drip()
                    drip_at += 1
                for key, _ in waiting.select(0.2):
                    client = key.data
                    try:
                        answer = client.socket.recv(4096)
                    except OSError:
                        answer = b""
                    if client.ended is None:
                        client.ended = time.monotonic()
                        if answer and not answer.startswith(b"HTTP/1.1 408 "):
                            faults.append(f"a slow {client.kind} was answered {answer[:40]!r}")
                    if not answer:
                        waiting.unregister(client.socket)
            ok, p50, p99 = honest.end()
            if options.long:
                for client in slow:
                    if client.kind == "reader":
                        client.socket.setblocking(True)
                        client.socket.settimeout(10)
                        got = 0
                        try:
                            while part := client.socket.recv(1 << 20):
                                got += len(part)
                            client.ended = time.monotonic()
                        except ConnectionResetError:
                            client.ended = time.monotonic()
                        except OSError:
                            pass
            for kind in ("header", "body", *(["reader"] if options.long else [])):
                of_kind = [client for client in slow if client.kind == kind]
                stayed = sum(client.ended is None for client in of_kind)
                if stayed:
                    faults.append(f"{stayed} of {len(of_kind)} slow {kind} connections were not cut off")
                else:
                    last = max(client.ended for client in of_kind) - begun
                    print(f"{len(of_kind)} slow {kind}: all cut off, the last {last:.1f} s after the first came")
            for client in slow:
                client.socket.close()
            served.terminate()
    each = (most - before) / options.clients
    print(f"honest client: {100 * alone_ok:.2f} % right alone, {100 * ok:.2f} % beside {options.clients} slow ones; "
          f"p50 {alone_p50:.2f} -> {p50:.2f} ms, p99 {alone_p99:.2f} -> {p99:.2f} ms; "
          f"memory {each:.1f} KB for each slow one")
    if ok < 0.999:
        faults.append(f"the honest client was served {100 * ok:.2f} %, wanted 99.9 %")
    if each > 32:
        faults.append(f"{each:.0f} KB for each slow connection, wanted 32 at most")
    print("\n".join("FAILED: " + fault for fault in faults[:20]) if faults else "slow_clients: passed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
