#!/usr/bin/python3
"""The gRPC door under fire: frozen backends, rolling restarts, floods of connections and frames.

  grpc_door.py [PROGRAM] [--restarts 20] [--seconds 2]

R24  a frozen backend: every hop ends at its deadline, and nothing is begun after it
R29  rolling restarts of a backend under load, a plain client through the gateway: no failed call
R27  more idle connections than there are files: calls go on, and new clients are served after
R28  hand-made frames: rapid reset, endless, huge and amplified headers, pings, settings, no window,
     too many streams, huge messages; sent to the port itself, and to nginx before it
"""
import argparse
import concurrent.futures
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from served import ROOT, Served, binary, token  # noqa: E402
from stubs import generate  # noqa: E402

import grpc  # noqa: E402

DIVISION = "331082001001"
FAULTS = []


def check(holds, what):
    if not holds:
        FAULTS.append(what)
        print("FAILED: " + what, flush=True)


class House:
    """A folder with tokens, and the processes that serve it."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.data = os.path.join(folder, "data")
        os.makedirs(self.data, exist_ok=True)
        bearer = token(program, self.data, "worker-1", "--role", "COMMUNITY_WORKER",
                       "--area", "331082")
        self.metadata = [("authorization", "Bearer " + bearer)]
        self.socket = f"unix:{folder}/needs_intake.sock"
        self.backend = self.gateway = None

    def start_backend(self):
        self.backend = Served(self.program, self.data, ["needs_intake"], [],
                              ["--grpc", self.socket])

    def start_gateway(self):
        self.gateway = Served(self.program, self.data, ["gateway"], ["http", "grpc", "metrics"],
                              ["--backend", "needs_intake=" + self.socket])

    def stop(self):
        for served in (self.gateway, self.backend):
            if served is not None and served.process.poll() is None:
                check(served.terminate() == 0, "SIGTERM: exit not 0: " + served.last_words())


class Client:
    """A plain client: it never tries anything twice."""

    def __init__(self, address, metadata):
        # Its own connection, not one that another channel of this process has.
        self.channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1),
                                                       ("grpc.enable_retries", 0)])
        self.needs = stub_of.NeedsIntakeStub(self.channel)
        self.metadata = metadata

    def create(self, key, timeout=10):
        request = pb.CreateNeedRequest(request_id=key, need=pb.Need(
            text="路灯坏了", division=DIVISION, channel=pb.ONLINE))
        return self.needs.CreateNeed.future(request, metadata=self.metadata, timeout=timeout)

    def get(self, name, timeout=10):
        return self.needs.GetNeed(pb.GetNeedRequest(name=name), metadata=self.metadata,
                                  timeout=timeout)

    def count(self):
        names, mark = set(), ""
        while True:
            page = self.needs.ListNeeds(
                pb.ListNeedsRequest(division="331082", page_size=1000, page_token=mark),
                metadata=self.metadata, timeout=20)
            names.update(need.name for need in page.needs)
            mark = page.next_page_token
            if not mark:
                return len(names)


def gauge(served, name):
    with urllib.request.urlopen(f"http://{served.addresses['metrics']}/metrics", timeout=5) as page:
        found = re.search(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", page.read().decode(), re.M)
    return float(found.group(1)) if found else 0.0


def cut(served, bound):
    """How many connections were cut that were above a bound of common/grpc/frame_watch.h."""
    return gauge(served, f'linjuli_grpc_connections_cut_total{{bound="{bound}"}}')


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def frozen(house):
    house.start_backend()
    house.start_gateway()
    client = Client(house.gateway.addresses["grpc"], house.metadata)
    client.create("warm").result()
    os.kill(house.backend.process.pid, signal.SIGSTOP)
    took, codes = [], []
    # Calls in waves, so that some find the backend's buffers full of others.
    for wave in range(5):
        begun = time.monotonic()
        calls = [client.create(f"frozen-{wave}-{i}", 0.2) for i in range(20)]
        for call in calls:
            codes.append(call.code())
            took.append(time.monotonic() - begun)
    begun = time.monotonic()
    while gauge(house.gateway, "linjuli_grpc_calls") > 0 and time.monotonic() - begun < 5:
        time.sleep(0.01)
    freed = time.monotonic() - begun
    os.kill(house.backend.process.pid, signal.SIGCONT)
    client.create("after").result()
    began = client.count() - 2
    print(f"R24 frozen backend: {len(took)} calls of 200 ms ended after "
          f"{statistics.median(took) * 1000:.0f} ms (worst {max(took) * 1000:.0f}); the gateway was "
          f"free {freed * 1000:.0f} ms later; {began} were begun after their deadline", flush=True)
    check(set(codes) == {grpc.StatusCode.DEADLINE_EXCEEDED}, f"R24: codes {set(codes)}")
    check(max(took) < 1.0, "R24: a call outlived its deadline by far")
    check(freed < 1.0, "R24: the gateway holds calls whose deadline has passed")
    check(began == 0, f"R24: {began} calls were begun after their deadline")
    house.stop()


def rolling(house, restarts):
    house.start_backend()
    house.start_gateway()
    stopping = threading.Event()
    lock = threading.Lock()
    done, failed, took, made = 0, [], [], []

    def load(number):
        nonlocal done
        client = Client(house.gateway.addresses["grpc"], house.metadata)
        name, count = None, 0
        while not stopping.is_set():
            begun = time.monotonic()
            try:
                if count % 2 == 0:
                    name = client.create(f"roll-{number}-{count}").result().name
                else:
                    client.get(name)
                with lock:
                    done += 1
                    took.append(time.monotonic() - begun)
                    if count % 2 == 0:
                        made.append(name)
            except grpc.RpcError as error:
                with lock:
                    failed.append(f"{error.code().name}: {error.details()}")
            count += 1
            stopping.wait(max(0.0, 0.016 - (time.monotonic() - begun)))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        begun = time.monotonic()
        for number in range(8):
            pool.submit(load, number)
        told, drains = [], []
        for number in range(restarts):
            # Under load: as many calls since the last restart, however fast the machine is.
            patience = time.monotonic() + 10
            while done < 50 * (number + 1) and time.monotonic() < patience:
                time.sleep(0.02)
            with grpc.insecure_channel(house.socket,
                                       [("grpc.use_local_subchannel_pool", 1)]) as channel:
                watch = health_stub.HealthStub(channel).Watch(health_pb.HealthCheckRequest())
                next(watch)
                asked = time.monotonic()
                house.backend.process.send_signal(signal.SIGTERM)
                check(next(watch).status == health_pb.HealthCheckResponse.NOT_SERVING,
                      "R29: the watch did not say NOT_SERVING first")
                told.append(time.monotonic() - asked)
            code = house.backend.process.wait(60)
            drains.append(time.monotonic() - asked)
            check(code == 0, f"R29: exit {code}")
            house.backend.process.stdout.close()
            house.start_backend()
        time.sleep(0.3)
        stopping.set()
    seconds = time.monotonic() - begun
    retries = gauge(house.gateway, "linjuli_grpc_retries_total")
    there = Client(house.gateway.addresses["grpc"], house.metadata).count()
    print(f"R29 rolling restarts: {restarts}, {done + len(failed)} calls at {done / seconds:.0f}/s, "
          f"{len(failed)} failed, {retries:.0f} sent again; p50 "
          f"{percentile(took, 0.5) * 1000:.1f} ms, p99 {percentile(took, 0.99) * 1000:.0f} ms, worst "
          f"{max(took) * 1000:.0f} ms; NOT_SERVING after {max(told) * 1000:.0f} ms at most, exit 0 "
          f"after {max(drains):.2f} s at most; {len(made)} needs acknowledged, {there} there",
          flush=True)
    check(not failed, f"R29: {len(failed)} failed, as {failed[:3]}")
    check(there == len(made) == len(set(made)), "R29: needs lost or doubled")
    check(max(told) < 1.0 and max(drains) < 30.0, "R29: the drain takes too long")
    check(done >= 50 * restarts, f"R29: only {done} calls make no test")
    house.stop()


def idle_connections(port, source, count):
    connections = []
    for _ in range(count):
        connection = socket.socket()
        connection.settimeout(2)
        connection.bind((source, 0))
        try:
            connection.connect(("127.0.0.1", port))
        except OSError:
            connection.close()
            continue
        connections.append(connection)
    return connections


def flood(house):
    limit = 96  # the hard one too, which the program cannot raise
    served = Served(house.program, house.data, within=["prlimit", f"--nofile={limit}:{limit}"])
    address = served.addresses["grpc"]
    port = int(address.rsplit(":", 1)[1])
    old = Client(address, house.metadata)
    name = old.create("flood").result().name
    good = total = during = 0
    crowd = []
    # The HTTP door of the same process takes files too.
    for source, door in (("127.0.0.2", port), ("127.0.0.3", port),
                         ("127.0.0.4", int(served.addresses["http"].rsplit(":", 1)[1])),
                         ("127.0.0.5", port)):
        crowd += idle_connections(door, source, 150)
        for _ in range(50):
            total += 1
            try:
                old.get(name, 2)
                good += 1
            except grpc.RpcError:
                pass
        try:
            Client(address, house.metadata).get(name, 1)
            during += 1
        except grpc.RpcError:
            pass
    refused = turned_away(served)
    for connection in crowd:
        connection.close()
    begun = time.monotonic()
    after, waited = 0, 0.0
    while time.monotonic() - begun < 5 and after < 5:
        try:
            Client(address, house.metadata).get(name, 1)
            after += 1
        except grpc.RpcError:
            time.sleep(0.05)
        waited = time.monotonic() - begun
    print(f"R27 flood: {len(crowd)} idle connections at {limit} files, {refused}; calls of an open "
          f"connection {good}/{total}, new clients during it {during}/4, after it {after}/5 within "
          f"{waited:.2f} s", flush=True)
    check(good >= total * 0.99, f"R27: {good} of {total} calls went on")
    check(after == 5, f"R27: {after} of 5 new clients were served after the flood")
    check(served.terminate() == 0, "R27: SIGTERM: exit not 0")


def turned_away(served):
    try:
        with urllib.request.urlopen(f"http://{served.addresses['metrics']}/metrics") as page:
            lines = re.findall(r'connections_refused_total{bound="(\w+)"} (\d+)',
                               page.read().decode())
        return "turned away " + ", ".join(f"{count} ({bound})" for bound, count in lines)
    except OSError:
        return "no file left to ask for metrics"


# --- frames, by hand (RFC 9113, 7541) -----------------------------------------------------------

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def number(value, prefix, mark=0):
    most = (1 << prefix) - 1
    if value < most:
        return bytes([mark | value])
    out, value = [mark | most], value - most
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    return bytes(out + [value])


def field(name, value, mark=0):
    """A literal field: mark 0 is not indexed, 0x40 is put into the table."""
    name, value = name.encode(), value.encode() if isinstance(value, str) else value
    return bytes([mark]) + number(len(name), 7) + name + number(len(value), 7) + value


PATH = "/linjuli.needs_intake.v1.NeedsIntake/GetNeed"
REQUEST = (field(":method", "POST") + field(":scheme", "http") + field(":path", PATH) +
           field(":authority", "x") + field("te", "trailers") +
           field("content-type", "application/grpc"))
MESSAGE = b"\x00\x00\x00\x00\x00"


class Attacker:
    """One connection that says whatever it likes until the server hangs up."""

    def __init__(self, port, settings=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.settimeout(5)
        self.alive = True
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))
        self.drain = None

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.alive = False
        return self.alive

    def read_all(self):
        """Reads what the server says, so that it is not its buffer that holds it up."""
        def run():
            try:
                while self.socket.recv(65536):
                    pass
            except OSError:
                pass
        self.drain = threading.Thread(target=run, daemon=True)
        self.drain.start()
        return self

    def close(self):
        self.socket.close()


def rapid_reset(port, until):
    """Streams that are opened and reset at once."""
    count = 0
    while time.monotonic() < until:
        attacker, stream = Attacker(port).read_all(), 1
        attacker.send(frame(SETTINGS, 1, 0))
        while time.monotonic() < until and stream < 60_000:
            burst = b"".join(
                frame(HEADERS, END_HEADERS, s, REQUEST) +
                frame(DATA, END_STREAM, s, MESSAGE) +
                frame(RST_STREAM, 0, s, struct.pack(">I", 8))
                for s in range(stream, stream + 200, 2))
            if not attacker.send(burst):
                break
            stream += 200
            count += 100
        attacker.close()
    return f"{count} streams"


def endless_headers(port, until):
    """HEADERS that CONTINUATION never ends."""
    sent = 0
    while time.monotonic() < until:
        attacker = Attacker(port).read_all()
        attacker.send(frame(HEADERS, 0, 1, REQUEST))
        chunk = b"".join(field(f"x-{i}", "v" * 100) for i in range(140))[:16384]
        while time.monotonic() < until and attacker.send(frame(CONTINUATION, 0, 1, chunk)):
            sent += len(chunk)
        attacker.close()
    return f"{sent >> 20} MB of headers"


def header_bomb(port, until):
    """One byte of a header block for each 4 KB that it says (CVE-2023-33953's kind)."""
    said = 0
    while time.monotonic() < until:
        attacker, stream = Attacker(port).read_all(), 1
        entry = field("x-bomb", b"v" * 3900, 0x40)
        while time.monotonic() < until:
            block = REQUEST + (entry if stream == 1 else b"") + b"\xbe" * 12_000
            if not attacker.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block)):
                break
            stream += 2
            said += 12_000 * 3900
        attacker.close()
    return f"{said >> 30} GB said"


def huge_header(port, until):
    """A header of 1 MB, whole."""
    count = 0
    while time.monotonic() < until:
        attacker = Attacker(port).read_all()
        block = REQUEST + field("x-huge", b"v" * (1 << 20))
        frames = [frame(HEADERS, 0, 1, block[:16384])]
        frames += [frame(CONTINUATION, 0, 1, block[i:i + 16384])
                   for i in range(16384, len(block), 16384)]
        attacker.send(b"".join(frames) + frame(CONTINUATION, END_HEADERS, 1))
        count += 1
        attacker.close()
    return f"{count} of 1 MB"


def ping_flood(port, until):
    """Pings and settings that want an answer each, whose answers nobody reads."""
    count = 0
    while time.monotonic() < until:
        attacker = Attacker(port)
        attacker.socket.settimeout(0.5)
        burst = (frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0)) * 500
        while time.monotonic() < until and attacker.send(burst):
            count += 1000
        attacker.close()
    return f"{count} frames"


def unheard(port, until):
    """More streams than are allowed, from clients that never acknowledge that."""
    attackers, begun = [], 0
    while time.monotonic() < until and len(attackers) < 50:
        attacker = Attacker(port).read_all()
        for stream in range(1, 2001, 2):
            if not attacker.send(frame(HEADERS, END_HEADERS, stream, REQUEST)):
                break
            begun += 1
        attackers.append(attacker)
    time.sleep(max(0.0, until - time.monotonic()))
    for attacker in attackers:
        attacker.close()
    return f"{begun} of {len(attackers) * 1000} streams taken"


def huge_message(port, until):
    """Messages of 64 MB, whatever the window is."""
    said = 0
    while time.monotonic() < until:
        attacker = Attacker(port).read_all()
        attacker.send(frame(SETTINGS, 1, 0) + frame(HEADERS, END_HEADERS, 1, REQUEST))
        part = frame(DATA, 0, 1, b"\0" + struct.pack(">I", 64 << 20) + bytes(16_000))
        while time.monotonic() < until and attacker.send(part):
            said += len(part)
        attacker.close()
    return f"{said >> 20} MB of messages"


def no_window(port, until):
    """Streams whose answers may not be sent, as many as the server takes."""
    attackers, refused = [], 0
    while time.monotonic() < until and len(attackers) < 100:
        attacker = Attacker(port, struct.pack(">HI", 4, 0))
        for stream in range(1, 601, 2):
            if not attacker.send(frame(HEADERS, END_HEADERS, stream, REQUEST) +
                                 frame(DATA, END_STREAM, stream, MESSAGE)):
                break
        refused += not attacker.alive
        attackers.append(attacker)
    time.sleep(max(0.0, until - time.monotonic()))
    for attacker in attackers:
        attacker.close()
    return f"{len(attackers)} connections of 300 streams"


def resident_mb(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def measure(client, name, until):
    took, failed = [], 0
    while time.monotonic() < until:
        begun = time.monotonic()
        try:
            client.get(name, 5)
            took.append(time.monotonic() - begun)
        except grpc.RpcError:
            failed += 1
        time.sleep(0.005)
    return took, failed


ATTACKS = (rapid_reset, endless_headers, header_bomb, huge_header, ping_flood, no_window, unheard, huge_message)
# MB that an attack may cost, with nginx before the port and without.
MOST_MB = 64
# What the port itself counts those under that it cuts; gRPC sees to the other ones.
CUT = {"rapid_reset": "resets", "endless_headers": "header", "huge_header": "header", "ping_flood": "control",
       "no_window": "streams", "unheard": "streams", "huge_message": "message"}


class Edge:
    """nginx as deploy/nginx/grpc.conf has it, before a gateway."""

    def __init__(self, folder, gateway):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with open(os.path.join(ROOT, "deploy/nginx/grpc.conf")) as conf:
            text = conf.read()
        self.prefix = os.path.join(folder, "edge")
        os.makedirs(self.prefix)
        with open(os.path.join(self.prefix, "grpc.conf"), "w") as conf:
            conf.write("daemon off;\n" + text.replace("127.0.0.1:9090", gateway)
                       .replace("127.0.0.1:9443", f"127.0.0.1:{self.port}"))
        self.process = subprocess.Popen(["nginx", "-p", self.prefix, "-c", "grpc.conf", "-e",
                                         "nginx.log"], cwd=self.prefix)
        begun = time.monotonic()
        while time.monotonic() - begun < 10:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.02)

    def processes(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return [self.process.pid] + [int(child) for child in children.read().split()]

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def abuse(house, seconds, only, edge):
    for attack in ATTACKS:
        if only in (None, attack.__name__):
            one_abuse(house, seconds, attack, edge)


def one_abuse(house, seconds, attack, with_edge):
    served = Served(house.program, house.data)
    address, edge = served.addresses["grpc"], None
    if with_edge:
        edge = Edge(os.path.join(house.folder, attack.__name__), address)
        address = f"127.0.0.1:{edge.port}"
    pids = [served.process.pid] + (edge.processes() if edge else [])
    client = Client(address, house.metadata)
    name = client.create("abuse-" + attack.__name__).result().name
    calm, _ = measure(client, name, time.monotonic() + min(seconds, 0.5))
    base = [resident_mb(pid) for pid in pids]
    until = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(attack, int(address.rsplit(":", 1)[1]), until)
        took, failed = measure(client, name, until)
        peak = [resident_mb(pid) for pid in pids]
        what = under_way.result()
    begun, well = time.monotonic(), 0
    while well < 5 and time.monotonic() - begun < 5 and served.process.poll() is None:
        try:
            Client(address, house.metadata).get(name, 1)
            well += 1
        except grpc.RpcError:
            time.sleep(0.05)
    back = time.monotonic() - begun
    if served.process.poll() is None:
        growth = max(max(before, resident_mb(pid)) - start
                     for pid, before, start in zip(pids, peak, base))
        label = attack.__name__ + (" through nginx" if edge else "")
        print(f"R28 {label}: {what} in {seconds:g} s; others {len(took)} calls, {failed} failed, p50 "
              f"{percentile(took, 0.5) * 1000:.1f} ms ({percentile(calm, 0.5) * 1000:.1f} before), "
              f"p99 {percentile(took, 0.99) * 1000:.0f} ms; memory +{growth:.0f} MB; 5 new clients "
              f"after {back:.2f} s", flush=True)
        check(took and failed <= len(took) * 0.01, f"R28 {label}: {failed} calls failed")
        check(growth <= MOST_MB, f"R28 {label}: memory grew by {growth:.0f} MB")
        if not edge:
            bound = CUT.get(attack.__name__)
            check(bound is None or cut(served, bound) > 0, f"R28 {label}: nobody was cut for {bound}")
        check(well == 5, f"R28 {label}: new clients are not served")
        check(served.terminate() == 0, f"R28 {label}: SIGTERM: exit not 0")
    else:
        check(False, f"R28 {attack.__name__} stopped the server: {served.last_words()}")
    if edge:
        edge.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", nargs="?")
    arguments.add_argument("--restarts", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=2, help="that each attack lasts")
    arguments.add_argument("--attack", choices=[attack.__name__ for attack in ATTACKS])
    arguments.add_argument("--only", choices=["frozen", "rolling", "flood", "abuse", "edge"])
    options = arguments.parse_args()
    program = binary(options.program)
    with tempfile.TemporaryDirectory(prefix="linjuli-grpc-") as folder:
        stubs = os.path.join(folder, "stubs")
        os.mkdir(stubs)
        generate(stubs)
        global pb, stub_of, health_pb, health_stub
        from grpc.health.v1 import health_pb2 as health_pb, health_pb2_grpc as health_stub
        from linjuli.needs_intake.v1 import need_pb2 as pb, needs_intake_pb2_grpc as stub_of
        steps = {"frozen": frozen, "rolling": lambda house: rolling(house, options.restarts),
                 "flood": flood,
                 "abuse": lambda house: abuse(house, options.seconds, options.attack, False),
                 "edge": lambda house: abuse(house, options.seconds, options.attack, True)}
        for step in [options.only] if options.only else steps:
            with tempfile.TemporaryDirectory(prefix="linjuli-grpc-", dir=folder) as room:
                steps[step](House(program, room))
    print("\n".join("FAILED: " + fault for fault in FAULTS) if FAULTS else "grpc_door: passed")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
