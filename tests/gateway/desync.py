#!/usr/bin/python3
"""The framing cases, and random ones, sent straight to the server and through nginx and HAProxy.

Behind a proxy, the danger is that the two read the same bytes as different requests: then one
client's bytes become another's request (desync). The proxy stamps each request that it means to
send with what it has read; the server behind it reports every request without its stamp. Both
proxies keep one connection to the server, so whatever is left over on it meets the next request:
a bystander's, who asks after each case and must get the answer to that.

  desync.py [ECHO_SERVER] [--seed N] [--random N]
"""
import argparse
import os
import random
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PATIENCE = 5

NGINX = """daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/nginx.log crit;
events {{ worker_connections 256; }}
http {{ access_log off; client_header_timeout 300ms; client_body_timeout 300ms;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
  uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  upstream behind {{ server 127.0.0.1:{port} max_fails=0; keepalive 1; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_ignore_client_abort on;
  proxy_next_upstream off; proxy_set_header X-Saw "{stamp} $request_method $request_uri";
  server {{ listen unix:{dir}/buffered; location / {{ proxy_pass http://behind; }} }}
  server {{ listen unix:{dir}/streamed;
    location / {{ proxy_pass http://behind; proxy_request_buffering off; }} }} }}
"""

HAPROXY = """global
  maxconn 256
defaults
  mode http
  timeout connect 2s
  timeout client 300ms
  timeout http-request 300ms
  timeout server 5s
  http-reuse always
frontend front
  bind unix@{dir}/haproxy
  http-request set-header X-Saw "{stamp} %[method] %[pathq]"
  default_backend behind
backend behind
  server behind 127.0.0.1:{port} maxconn 1
"""


# --- cases ------------------------------------------------------------------------------------

def unescape(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


def cases():
    """(name, bytes) of every case of framing.txt."""
    found, name = [], None
    with open(os.path.join(HERE, "framing.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("case: "):
                name = line[6:].strip()
            elif line.startswith("send: "):
                found.append((name, unescape(line[6:].rstrip("\n"))))
    return found


class Dice:
    """Random requests: each part right most of the time, and else wrong in a way that somebody
    has taken for right."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0

    def one_of(self, right, wrong, odds=0.12):
        return self.random.choice(wrong if self.random.random() < odds else right)

    def request(self):
        self.count += 1
        dice = self.random
        inner = b"GET /smuggled-%d HTTP/1.1\r\nHost: a\r\n\r\n" % self.count
        verb = self.one_of([b"GET", b"POST", b"DELETE"], [b"TRACE", b"get", b"POST "], 0.04)
        version = self.one_of([b"1.1"], [b"1.0", b"1.2", b"2.0", b"1.1 "], 0.06)
        line = b"%s /r%d HTTP/%s" % (verb, self.count, version)
        fields = [self.one_of([b"Host: a"], [b"Host: b\r\nHost: a", b"Host:", b"X-A: b", b"Host: a,b"],
                              0.05)]
        body = dice.choice([b"", b"hello", inner, b"0\r\n\r\n" + inner, b"5\r\nhello\r\n0\r\n\r\n"])
        kind = dice.choice(["none", "length", "chunks", "both"])
        if kind in ("length", "both"):
            length = len(body) + (dice.choice([-2, 1, 38]) if dice.random() < 0.08 else 0)
            fields.append(self.one_of(
                [b"Content-Length: %d"],
                [b"Content-Length : %d", b"Content-Length: +%d", b"Content-Length: 0%d",
                 b"Content-Length: %d, 5", b"Content-Length:\r\n %d", b"Content_Length: %d",
                 b"Content-Length: 5\r\nContent-Length: %d", b"X: y\rContent-Length: %d",
                 b"X: y\nContent-Length: %d", b"content-length:\t%d"]) % max(0, length))
        if kind == "chunks" or (kind == "both" and dice.random() < 0.5):
            fields.append(self.one_of(
                [b"Transfer-Encoding: chunked"],
                [b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked",
                 b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity",
                 b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding:\r\n chunked",
                 b"Transfer-Encoding: \x0bchunked", b"Transfer_Encoding: chunked",
                 b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"X: y\rTransfer-Encoding: chunked",
                 b"X: y\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked;a",
                 b"transfer-encoding:chunked", b"Transfer-Encoding: Chunked"]))
            chunk = self.one_of(
                [b"%x\r\n%s\r\n"], [b"%x;a=b\r\n%s\r\n", b"0x%x\r\n%s\r\n", b"%x\n%s\r\n", b"%x \r\n%s\r\n",
                                    b"%x\r\n%s\n", b"%x\r\n%s", b"+%x\r\n%s\r\n", b"0%x\r\n%s\r\n"])
            last = self.one_of([b"0\r\n\r\n"], [b"0\n\n", b"0\r\nX-A: b\r\n\r\n", b"00\r\n\r\n", b"0;a\r\n\r\n",
                                                b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\n\n"])
            body = (chunk % (len(body), body) if body else b"") + last
        if dice.random() < 0.06:
            fields.append(dice.choice([b"Connection: close", b"Connection: Content-Length",
                                       b"Expect: 100-continue", b"Upgrade: h2c", b"X-A: b\r\n c",
                                       b"X-A: b\x00c", b"X-Saw: forged", b": x", b"X-A"]))
        dice.shuffle(fields)
        return line + b"\r\n" + b"\r\n".join(fields) + b"\r\n\r\n" + body


def meant(data):
    """What a strict reader of RFC 9112, with this server's limits, finds in the bytes: "VERB TARGET
    BODY" of each request, up to the first that is not well-formed or not complete. Written from the
    text, not from framing.cc."""
    found = []
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        request = re.fullmatch(rb"(GET|POST|PATCH|DELETE|HEAD|OPTIONS) (/[^\s#\\\x00-\x20\x7f-\xff]*) HTTP/1\.([01])",
                               line)
        if not end or not request:
            return found
        verb, target, minor = request.groups()
        values = {}
        for field in fields:
            parts = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)", field)
            if not parts:
                return found
            values.setdefault(parts[1].lower(), []).append(parts[2].rstrip(b" \t"))
        if any(len(values.get(name, [])) > 1 for name in (b"host", b"content-length",
                                                          b"transfer-encoding", b"expect")):
            return found
        host = values.get(b"host", [None])[0]
        if (minor == b"1" or host is not None) and not re.fullmatch(rb"[A-Za-z0-9._~-]+(:\d*)?", host or b""):
            return found
        tokens = [token.strip(b" \t").lower() for value in values.get(b"connection", [])
                  for token in value.split(b",")]
        if {b"host", b"content-length", b"transfer-encoding", b"authorization"} & set(tokens):
            return found
        if b"transfer-encoding" in values:
            if minor == b"0" or b"content-length" in values:
                return found
            if values[b"transfer-encoding"][0].lower() != b"chunked":
                return found
            body = b""
            while True:
                size = re.match(rb"([0-9A-Fa-f]{1,8})\r\n", rest)
                if not size:
                    return found
                length, rest = int(size[1], 16), rest[size.end():]
                if length == 0:
                    break
                if rest[length:length + 2] != b"\r\n":
                    return found
                body, rest = body + rest[:length], rest[length + 2:]
            if rest[:2] != b"\r\n":
                return found
            rest = rest[2:]
        else:
            length = values.get(b"content-length", [b"0"])[0]
            if not re.fullmatch(rb"[0-9]{1,18}", length) or len(rest) < int(length):
                return found
            body, rest = rest[:int(length)], rest[int(length):]
        found.append(verb + b" " + target + b" " + body)
        if minor == b"0" or b"close" in tokens:
            return found
        data = rest


# --- sending ----------------------------------------------------------------------------------

class Place:
    """Where requests are sent: the server itself, or a proxy before it."""

    def __init__(self, name, address):
        self.name = name
        self.address = address
        self.asked = 0

    def exchange(self, data):
        """Everything that comes back until the end."""
        family = socket.AF_INET if isinstance(self.address, tuple) else socket.AF_UNIX
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(PATIENCE)
            client.connect(self.address)
            got = b""
            try:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                while True:
                    part = client.recv(1 << 16)
                    if not part:
                        break
                    got += part
            except OSError:
                pass  # cut off, which a refusal may be
            return got

    def get(self, path):
        answers = parse(self.exchange(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path))
        return answers[0] if len(answers) == 1 else (0, b"")


def parse(data, headless=False):
    """(code, body) of each final answer."""
    answers = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        code = re.match(rb"HTTP/1\.[01] (\d{3})", head)
        if not end or not code:
            answers.append((-1, head))  # no answer at all
            return answers
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        length = int(length[1]) if length else 0
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            body = b""
            while True:
                size, _, data = data.partition(b"\r\n")
                length = int(size or b"0", 16)
                body, data = body + data[:length], data[length + 2:]
                if length == 0:
                    break
        else:
            body = b"" if headless else data[:length]
            data = data[len(body):]
        if code[1] != b"100":
            answers.append((int(code[1]), body))
            headless = False
    return answers


# --- checking ---------------------------------------------------------------------------------

class Trial:
    def __init__(self):
        self.sent = 0
        self.faults = []

    def fault(self, place, name, what):
        self.faults.append(f"{place.name}: {name}: {what}")

    def proxied(self, place, name, data):
        self.sent += 1
        marker = b"/marker-%d" % self.sent
        whole = data + b"GET " + marker + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        answers = parse(place.exchange(whole), data.startswith(b"HEAD "))
        at = 0
        for code, body in answers:
            if code != 200 or not body:
                continue
            target = body.split(b" ")[1] if body.count(b" ") >= 2 else b""
            at = whole.find(target, at) if target else -1
            if at < 0:
                self.fault(place, name, f"an answer to {body!r}, which was not asked, or not then")
                break
            at += len(target)
            if target == marker and (code, body) != answers[-1]:
                self.fault(place, name, "the marker was not answered last")
        bystander = b"/bystander-%d" % self.sent
        answer = place.get(bystander)
        if answer != (200, b"GET %s " % bystander):
            self.fault(place, name, f"the bystander asked {bystander!r} and got {answer!r}")

    def direct(self, place, name, data):
        """Whether all was read as the strict reader reads it; less is a fault only when more is not
        refused."""
        self.sent += 1
        whole = data + b"GET /marker HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        answers = parse(place.exchange(whole))
        handled = [body for code, body in answers if code == 200]
        wanted = meant(whole)
        if handled != wanted:
            self.fault(place, name, f"handled {handled!r}, wanted {wanted!r}, of {whole!r}")
        refused = [code for code, _ in answers if code != 200]
        if len(refused) > 1 or (refused and answers[-1][0] == 200):
            self.fault(place, name, f"went on after a refusal: {answers!r}")


class Echo:
    """The server behind, and what it reports."""

    def __init__(self, program, stamp=""):
        self.process = subprocess.Popen([program, *([stamp] if stamp else [])], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.unmeant = []
        self.reader = threading.Thread(
            target=lambda: self.unmeant.extend(line.strip() for line in self.process.stdout))
        self.reader.start()

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.reader.join()
        return self.unmeant


def start_proxies(folder, port, stamp):
    os.chmod(folder, 0o755)
    for name, text in (("nginx.conf", NGINX), ("haproxy.cfg", HAPROXY)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as conf:
            conf.write(text.format(dir=folder, port=port, stamp=stamp))
    log = open(os.path.join(folder, "proxies.log"), "wb")
    children = [subprocess.Popen(command, stdout=log, stderr=log) for command in (
        ["nginx", "-p", folder, "-c", folder + "/nginx.conf", "-e", folder + "/nginx.log"],
        ["haproxy", "-db", "-q", "-f", folder + "/haproxy.cfg"])]
    places = [Place("nginx", folder + "/buffered"), Place("nginx, unbuffered", folder + "/streamed"),
              Place("HAProxy", folder + "/haproxy")]
    for place in places:
        for _ in range(200):
            try:
                if place.get(b"/ready") == (200, b"GET /ready "):
                    break
            except OSError:
                pass
            time.sleep(0.02)
        else:
            log.flush()
            with open(log.name, encoding="utf-8", errors="replace") as words:
                raise SystemExit(f"{place.name} does not serve: {words.read()[-500:]}; mend it: "
                                 "apt-get install nginx-light haproxy")
    return children, places


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("echo_server", nargs="?",
                           default=os.path.join(ROOT, "build/dev/echo_server"))
    arguments.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    arguments.add_argument("--random", type=int, default=600, help="random pairs for each place")
    options = arguments.parse_args()
    print(f"desync: seed {options.seed}", flush=True)
    faults = []
    all_cases = cases()

    plain = Echo(options.echo_server)
    place = Place("straight", ("127.0.0.1", plain.port))
    trial, dice = Trial(), Dice(options.seed)
    for number in range(4 * options.random):
        trial.direct(place, f"pair {number}", dice.request() + dice.request())
    plain.end()
    faults += trial.faults
    print(f"straight: {trial.sent} random pairs, {len(trial.faults)} read otherwise than RFC 9112 says")

    stamp = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="linjuli-desync-") as folder:
        behind = Echo(options.echo_server, stamp)
        children, places = start_proxies(folder, behind.port, stamp)
        try:
            for place in places:
                trial, dice = Trial(), Dice(options.seed + 1)
                for name, data in all_cases:
                    trial.proxied(place, name, data)
                for number in range(options.random):
                    trial.proxied(place, f"pair {number}", dice.request() + dice.request())
                faults += trial.faults
                print(f"{place.name}: {len(all_cases)} cases and {options.random} random pairs, "
                      f"{len(trial.faults)} desync", flush=True)
        finally:
            for child in children:
                child.terminate()
                child.wait(30)
            unmeant = behind.end()
    for line in unmeant:
        faults.append(f"the server handled {line!r}, which no proxy meant to send")
    print("\n".join("FAILED: " + fault[:600] for fault in faults[:20]))
    print(f"desync: {len(faults)} desync, {len(unmeant)} unmeant requests; "
          + ("passed" if not faults else "FAILED"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
