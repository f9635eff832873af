#!/usr/bin/python3
"""Payloads that are small to send and meant to be dear to read, against the gateway and the gRPC
door of the real program (R32). Each must be refused for the right reason.

What each costs is measured on the serving process itself: its CPU clock, and the most memory it
held beyond what it held before. Every payload is sent five times; the median of the CPU and the
most memory count. A busy machine makes the same work dearer: what is above the bound is measured
twice more, and a fault only where it is four times the bound. How many keep the bound is printed,
and the worst.

  bombs.py [PROGRAM]
"""
import argparse
import gzip
import re
import socket
import statistics
import sys
import tempfile
import time

import grpc

sys.path.insert(0, __file__.rsplit("/", 2)[0])
from served import Served, binary, token  # noqa: E402

MIB = 1 << 20
CPU_MS, MEMORY_MB = 5, 4
# A machine that does other things too makes the same work dearer; more than this is a fault.
CPU_FAULT_MS = 4 * CPU_MS
# What is kept after all of them: pools that have grown to the largest.
KEPT_MB = 32
NEED = '{"text":"路灯不亮","division":"331082001001","channel":"ONLINE"'
CREATE = "/linjuli.needs_intake.v1.NeedsIntake/CreateNeed"
BATCH = "/linjuli.needs_intake.v1.NeedsIntake/BatchCreateNeeds"
LIST = "/linjuli.needs_intake.v1.NeedsIntake/ListNeeds"


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def nested(depth):
    payload = b""
    for _ in range(depth):
        payload = field(1, payload)
    return payload


def fill(text, size):
    return text * (size // len(text.encode()))


def json_bombs():
    """(name, body, wanted code, wanted reason) of POST /v1/needs."""
    def with_field(text):
        return NEED + "," + text + "}"

    depth = 100_000
    return [
        ("arrays 500,000 deep", "[" * 500_000 + "]" * 500_000, 400, "JSON_DEPTH"),
        ("objects 100,000 deep", '{"a":' * depth + "1" + "}" * depth, 400, "JSON_DEPTH"),
        ("depth that never ends", "[" * MIB, 400, "JSON_DEPTH|JSON"),
        ("objects and arrays by turns", '{"a":[' * 80_000, 400, "JSON_DEPTH|JSON"),
        ("depth behind good fields", with_field('"location":' + '{"location":' * 80_000), 400, "JSON_DEPTH|JSON"),
        ("33 levels", "[" * 33 + "]" * 33, 400, "JSON_DEPTH|JSON_TYPE"),
        ("100,000 unknown fields", "{" + ",".join(f'"k{i}":1' for i in range(90_000)) + "}", 400, "TOO_MANY"),
        ("50,000 unknown fields", "{" + ",".join(f'"k{i}":1' for i in range(50_000)) + "}", 400, "JSON_UNKNOWN_FIELD"),
        ("one field 60,000 times", "{" + ",".join(['"text":"a"'] * 60_000) + "}", 400, "JSON_DUPLICATE"),
        ("a list of 90,000 numbers", with_field('"level":[' + ",".join("1" for _ in range(90_000)) + "]"), 400,
         "TOO_MANY"),
        ("one field twice, once escaped", with_field('"te\\u0078t":"b"'), 400, "JSON_DUPLICATE"),
        ("one field in both spellings", with_field('"mediaHashes":[],"media_hashes":[]'), 400, "JSON_DUPLICATE"),
        ("single quotes", "{'text':'a'}", 400, "JSON"),
        ("a comma behind the last", NEED + ",}", 400, "JSON"),
        ("a name without quotes", '{text:"a"}', 400, "JSON"),
        ("a comment", NEED + "/*" + fill("x", MIB // 2) + "*/}", 400, "JSON"),
        ("NaN", with_field('"urgent":NaN'), 400, "JSON"),
        ("a number of 900,000 digits", with_field('"level":' + "9" * 900_000), 400, "JSON_RANGE"),
        ("a number of 900,000 zeros in front", with_field('"level":' + "0" * 900_000 + "1"), 400, "JSON"),
        ("an exponent of 900,000 digits", with_field('"level":1e' + "9" * 900_000), 400, "JSON_RANGE"),
        ("a half surrogate", with_field('"note":"\\ud800"'), 400, "JSON"),
        ("150,000 half surrogates", '{"text":"' + "\\udc00" * 150_000 + '"}', 400, "JSON_SIZE"),
        ("40,000 half surrogates", '{"text":"' + "\\udc00" * 40_000 + '"}', 400, "JSON"),
        ("surrogates the wrong way round", '{"text":"\\udc00\\ud800"}', 400, "JSON"),
        ("900,000 bytes that are no UTF-8", b'{"text":"' + b"\xff" * 900_000 + b'"}', 400, "JSON_SIZE"),
        ("bytes that are no UTF-8", b'{"text":"' + b"\xff" * 250_000 + b'"}', 400, "JSON"),
        ("an overlong slash", b'{"text":"\xc0\xaf"}', 400, "JSON"),
        ("a NUL in a text", b'{"text":"a\x00b"}', 400, "JSON"),
        ("UTF-16", ("\ufeff" + NEED + "}").encode("utf-16"), 400, "JSON"),
        ("a byte order mark", ("\ufeff" + NEED + "}").encode(), 400, "JSON"),
        ("900,000 blanks and nothing", " " * 900_000, 400, "JSON"),
        ("a document and another", NEED + "}" + NEED + "}", 400, "JSON"),
        ("a string that never ends", '{"text":"' + "a" * 900_000, 400, "JSON_SIZE"),
        ("five strings, of which the last never ends", ("[" + '"' + "a" * 200_000 + '",') * 4 + '"' + "a" * 200_000, 400, "JSON"),
        ("a text of 1 MiB", '{"text":"' + "a" * (MIB - 100) + '"}', 400, "JSON_SIZE"),
        ("a text of 250 KiB", '{"text":"' + "a" * 250_000 + '"}', 400, "TEXT_TOO_LONG|REQUIRED"),
        ("150,000 escapes", '{"text":"' + "\\u4e00" * 150_000 + '"}', 400, "JSON_SIZE"),
        ("40,000 escapes", '{"text":"' + "\\u4e00" * 40_000 + '"}', 400, "TEXT_TOO_LONG|REQUIRED"),
        ("250,000 entries", with_field('"mediaHashes":[' + ",".join(['""'] * 250_000) + "]"), 400,
         "TOO_MANY"),
    ]


def batch_bombs():
    return [
        ("a batch of 200,000 empty rows", '{"requests":[' + ",".join(["{}"] * 200_000) + "]}", 400, "TOO_MANY"),
        ("a batch of 100,000 rows of nothing", '{"requests":[' + ",".join(['{"need":{}}'] * 80_000) + "]}", 400,
         "TOO_MANY"),
    ]


def http_bombs(bearer):
    """(name, bytes, wanted code, wanted reason)."""
    auth = f"Authorization: Bearer {bearer}\r\n"

    def get(target, fields=auth):
        return f"GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()

    def post(path, body, fields=""):
        body = body if isinstance(body, bytes) else body.encode()
        return (f"POST {path} HTTP/1.1\r\nHost: a\r\n{auth}Content-Type: application/json\r\n{fields}"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def binary(path, kind, body):
        return (f"POST {path} HTTP/1.1\r\nHost: a\r\n{auth}Content-Type: application/{kind}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    bombs = [("JSON: " + name, post("/v1/needs", body), code, reason) for name, body, code, reason in json_bombs()]
    bombs += [("JSON: " + name, post("/v1/needs:batchCreate", body), code, reason)
              for name, body, code, reason in batch_bombs()]
    chunked = (f"POST /v1/needs HTTP/1.1\r\nHost: a\r\n{auth}Content-Type: application/json\r\n"
               "Transfer-Encoding: chunked\r\n\r\n").encode()
    bombs += [
        ("Connect: 250 KB of empty rows", binary(BATCH, "proto", b"\x0a\x00" * 125_000), 400, "TOO_MANY"),
        ("Connect: 250 KB of empty groups", binary(CREATE, "proto", b"\xfb\x07\xfc\x07" * 60_000), 400,
         "MALFORMED"),
        ("100 MB of zeros, gzipped", post("/v1/needs", gzip.compress(bytes(100 * MIB)),
                                          "Content-Encoding: gzip\r\n"), 415, "MEDIA_TYPE"),
        ("a body beyond 1 MiB", post("/v1/needs", "a" * (MIB + 1)), 413, "BODY_TOO_LARGE"),
        ("a length of an exabyte", f"POST /v1/needs HTTP/1.1\r\nHost: a\r\nContent-Length: {10**18 - 1}\r\n\r\n".encode(),
         413, "BODY_TOO_LARGE"),
        ("a million chunks of one byte", chunked + b"1\r\na\r\n" * 300_000, 400, "HTTP_FRAMING"),
        ("a chunk of 4 GB", chunked + b"ffffffff\r\n", 413, "BODY_TOO_LARGE"),
        ("65 fields", get("/v1/needs", "".join(f"X-{i}: a\r\n" for i in range(65))), 431, "HEADER_TOO_LARGE"),
        ("1,500 fields", get("/v1/needs", "X: a\r\n" * 1500), 431, "HEADER_TOO_LARGE"),
        ("a field of 1 MiB", get("/v1/needs", "X: " + "a" * MIB + "\r\n"), 431, "HEADER_TOO_LARGE"),
        ("a path of 7,000 characters", get("/v1/needs/" + "a" * 7000), 400, "TEXT_TOO_LONG"),
        ("a path of 3,500 parts", get("/v1" + "/a" * 3500), 404, "NO_ROUTE"),
        ("a path of 1 MiB", get("/" + "a" * MIB), 431, "HEADER_TOO_LARGE"),
        ("a path of 2,300 escapes", get("/v1/needs/" + "%41" * 2300), 400, "TEXT_TOO_LONG"),
        ("a query of 1,700 parameters", get("/v1/needs?" + "&".join(["a=1"] * 1700)), 400, "UNKNOWN_FIELD"),
        ("one parameter 500 times", get("/v1/needs?" + "&".join(["pageSize=1"] * 500)), 400, "QUERY"),
        ("a query of escapes that are no UTF-8", get("/v1/needs?division=" + "%FF" * 2000), 400, "QUERY"),
        ("a path of fields 1,500 deep", get("/v1/needs?" + ".".join(["a"] * 3000) + "=1"), 400, "UNKNOWN_FIELD"),
        ("a page of 2 billion", get("/v1/needs?pageSize=2147483647"), 400, "RANGE|PAGE"),
        ("a page of less than nothing", get("/v1/needs?pageSize=-1"), 400, "RANGE|PAGE"),
        ("a page token of 6 KB", get("/v1/needs?pageToken=" + "A" * 6000), 400, "PAGE_TOKEN|TEXT_TOO_LONG"),
        ("a search for 2,000 characters", get("/v1/needs:search?query=" + "a" * 6000), 400, "TEXT_TOO_LONG|QUERY"),
        ("a token of 7 KB", get("/v1/needs", "Authorization: Bearer " + "a" * 7000 + "\r\n"), 401, "TOKEN"),
        ("a token of 3,000 parts", get("/v1/needs", "Authorization: Bearer " + "a." * 3000 + "\r\n"), 401, "TOKEN"),
        ("a timeout of 8 digits", get("/v1/needs", auth + "X-Request-Timeout: 99999999\r\n"), 400, "HEADER"),
        ("a version of 4 KB", post("/v1/needs", NEED + "}", "If-Match: \"" + "a" * 4000 + "\"\r\n"), 400, "HEADER"),
        ("a key of 4 KB", post("/v1/needs", NEED + "}", "Idempotency-Key: " + "a" * 4000 + "\r\n"), 400, "HEADER"),
    ]
    return bombs


def grpc_bombs():
    """(name, method, message, wanted code, wanted reason); no reason where gRPC itself refuses."""
    need = field(2, "路灯不亮".encode())
    return [
        # Beyond 1 MiB the connection ends (common/grpc/frame_watch.h).
        ("4 MB of empty rows", BATCH, b"\x0a\x00" * (2 * MIB), "UNAVAILABLE", ""),
        ("a message of 64 MB", BATCH, bytes(64 * MIB), "UNAVAILABLE", ""),
        ("900 KB of empty rows", BATCH, b"\x0a\x00" * 450_000, "RESOURCE_EXHAUSTED", ""),
        ("250 KB of empty rows", BATCH, b"\x0a\x00" * 125_000, "INVALID_ARGUMENT", "TOO_MANY"),
        ("250 KB of rows of an empty need", BATCH, b"\x0a\x02\x0a\x00" * 62_000, "INVALID_ARGUMENT",
         "TOO_MANY"),
        ("101 levels", CREATE, nested(101), "INVALID_ARGUMENT", "MALFORMED|REQUIRED"),
        ("50,000 levels", CREATE, nested(50_000), "INVALID_ARGUMENT", "MALFORMED|REQUIRED"),
        ("250 KB of unknown numbers", CREATE, b"\xf8\x07\x01" * 80_000, "INVALID_ARGUMENT", "REQUIRED|MALFORMED"),
        ("250 KB of unknown empty groups", CREATE, b"\xfb\x07\xfc\x07" * 60_000, "INVALID_ARGUMENT",
         "MALFORMED"),
        ("a length beyond the message", CREATE, b"\x0a\xff\xff\xff\x7f", "INVALID_ARGUMENT", "MALFORMED"),
        ("a number that never ends", CREATE, b"\x0a" + b"\xff" * 200_000, "INVALID_ARGUMENT", "MALFORMED"),
        ("a text of 250 KB", CREATE, field(1, field(2, b"a" * 250_000)), "INVALID_ARGUMENT", "[A-Z_]+"),
        ("a text that is no UTF-8", CREATE, field(1, field(1, b"\xff" * 1000)), "INVALID_ARGUMENT", "[A-Z_]+"),
        ("100,000 entries of a list", CREATE, field(1, field(11, b"") * 100_000), "INVALID_ARGUMENT", "TOO_MANY"),
        ("one field 100,000 times", CREATE, field(1, field(9, b"") * 100_000), "INVALID_ARGUMENT", "TOO_MANY"),
        ("a page of 2 billion", LIST, b"\x30\xff\xff\xff\xff\x07", "INVALID_ARGUMENT", "RANGE"),
    ]


# --- measuring --------------------------------------------------------------------------------

class Cost:
    def __init__(self, pid):
        self.pid = pid
        self.clock = ~pid << 3 | 2  # CLOCK_PROCESS_CPUTIME_ID of that process

    def status(self, key):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"{key}:\s+(\d+) kB", status.read())[1])

    def begin(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")  # the peak is counted from now
        self.before = self.status("VmRSS")
        self.begun = time.clock_gettime(self.clock)

    def end(self):
        """Milliseconds of CPU, MB of memory."""
        cpu = time.clock_gettime(self.clock) - self.begun
        return cpu * 1000, max(0, self.status("VmHWM") - self.before) / 1024


def ask_http(address, data):
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as client:
        got = b""
        try:
            client.sendall(data)
        except OSError:
            pass
        try:
            while not re.search(rb"\r\n\r\n.*\}\s*$", got, re.S):
                part = client.recv(1 << 16)
                if not part:
                    break
                got += part
        except OSError:
            pass
    code = re.match(rb"HTTP/1\.1 (\d+)", got)
    reason = re.search(rb'"reason":"([A-Z_0-9]+)"', got)
    return int(code[1]) if code else 0, reason[1].decode() if reason else ""


def ask_grpc(channel, method, message, bearer):
    call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    try:
        call(message, metadata=[("authorization", "Bearer " + bearer)], timeout=10)
        return "OK", ""
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        reason = re.search(rb"google\.rpc\.ErrorInfo\x12.{1,2}\n.([A-Z_0-9]+)\x12", details, re.S)
        return error.code().name, reason[1].decode() if reason else ""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", nargs="?")
    options = arguments.parse_args()
    program = binary(options.program)
    faults, figures = [], []
    with tempfile.TemporaryDirectory(prefix="linjuli-bombs-") as data_dir:
        bearer = token(program, data_dir, "worker", "--role", "COMMUNITY_WORKER", "--area", "331082")
        with Served(program, data_dir, doors=("http", "grpc")) as served:
            cost = Cost(served.process.pid)
            channel = grpc.insecure_channel(served.addresses["grpc"],
                                            options=[("grpc.max_send_message_length", -1)])
            address = served.addresses["http"]
            # The first of each kind pays for what is made once.
            ask_http(address, http_bombs(bearer)[0][1])
            ask_grpc(channel, CREATE, b"", bearer)
            jobs = [(name, lambda data=data: ask_http(address, data), str(code), reason)
                    for name, data, code, reason in http_bombs(bearer)]
            jobs += [("gRPC: " + name, lambda m=method, d=message: ask_grpc(channel, m, d, bearer), code, reason)
                     for name, method, message, code, reason in grpc_bombs()]
            kept = cost.status("VmRSS")

            def measure(send):
                runs = []
                for _ in range(5):
                    time.sleep(0.05)  # what it does after its answer is not the next one's
                    cost.begin()
                    got = send()
                    runs.append(cost.end())
                return got, statistics.median(run[0] for run in runs), max(run[1] for run in runs)

            for name, send, code, reason in jobs:
                got, cpu, memory = measure(send)
                for _ in range(2):
                    if cpu <= CPU_MS:
                        break
                    cpu = min(cpu, measure(send)[1])
                figures.append((cpu, memory, name))
                if not re.fullmatch(code, str(got[0])) or not re.fullmatch(reason, got[1]):
                    faults.append(f"{name}: {got[0]} {got[1]}, wanted {code} {reason}")
                if cpu > CPU_FAULT_MS or memory > MEMORY_MB:
                    faults.append(f"{name}: {cpu:.1f} ms of CPU, {memory:.1f} MB")
            kept = (cost.status("VmRSS") - kept) / 1024
            if kept > KEPT_MB:
                faults.append(f"after all of them {kept:.1f} MB are kept, wanted at most {KEPT_MB}")
            channel.close()
            code = served.terminate()
            if code != 0:
                faults.append(f"after all of them: exit {code}: {served.last_words()}")
    for place, unit, bound in ((0, "ms of CPU", CPU_MS), (1, "MB", MEMORY_MB)):
        worst = sorted(figures, key=lambda figure: -figure[place])[:4]
        within = sum(figure[place] <= bound for figure in figures)
        print(f"{within} of {len(figures)} within {bound} {unit}; the worst: "
              + "; ".join(f"{figure[place]:.1f} {figure[2]}" for figure in worst))
    print(f"{kept:.1f} MB kept after all of them")
    for fault in faults:
        print("FAILED: " + fault)
    print(f"bombs: {len(figures)} payloads; " + ("passed" if not faults else f"{len(faults)} FAILED"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
