#!/usr/bin/python3
"""Kills the serving process at random moments under load and counts what was lost.

Eight clients register needs through the HTTP door, each with a key of its own, and send the same
request again until it is acknowledged. The process is killed with SIGKILL, while it serves and
while it starts, and started again on the same data folder. At the end every acknowledged need must
be there under the name that was acknowledged, no key may have made two, and the chain must hold.

  kill9.py [PROGRAM] [--kills 20] [--seed N]
"""
import argparse
import http.client
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from served import Served, binary, token  # noqa: E402

CLIENTS = 8
WORDS = ["停车", "物业", "垃圾", "路灯"]
DIVISIONS = ["331082001001", "331082001002", "331082001003"]
EX_TEMPFAIL = 75


class Desk:
    """Where clients find the address of the process that lives now, and note what it told them."""

    def __init__(self, bearer):
        self.bearer = bearer
        self.lock = threading.Condition()
        self.address = None
        self.stopping = False
        self.sent = 0
        self.acknowledged = {}  # key → (name, text)
        self.faults = []

    def note(self, key, name, text):
        with self.lock:
            before = self.acknowledged.setdefault(key, (name, text))[0]
            if before != name:
                self.faults.append(f"key {key} made {before} and {name}")
            self.lock.notify_all()

    def fault(self, what):
        with self.lock:
            self.faults.append(what)
            self.lock.notify_all()

    def serve_at(self, address):
        with self.lock:
            self.address = address
            self.lock.notify_all()

    def current_address(self, other_than):
        """Where to send; after a failure at one address, the next one or that one a little later."""
        with self.lock:
            self.lock.wait_for(lambda: self.address not in (None, other_than) or self.stopping,
                               0.05 if other_than else None)
            self.lock.wait_for(lambda: self.address is not None or self.stopping)
            return None if self.stopping else self.address

    def wait_for_more(self, count):
        """Until `count` further needs are acknowledged; false when none come any more."""
        with self.lock:
            target = len(self.acknowledged) + count
            return self.lock.wait_for(
                lambda: len(self.acknowledged) >= target or self.faults, 60)


class Client(threading.Thread):
    def __init__(self, desk, number, seed):
        super().__init__(daemon=True)
        self.desk = desk
        self.number = number
        self.random = random.Random(seed * 1000 + number)
        self.connection = None
        self.connected_to = None
        self.open_keys = []  # keys that were sent; every one is acknowledged at the end

    def ask(self, address, method, path, body=None, key=None):
        if self.connected_to != address:
            self.connection = http.client.HTTPConnection(address, timeout=30)
            self.connected_to = address
        headers = {"Authorization": "Bearer " + self.desk.bearer}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.connected_to = None
            self.connection.close()
            return None, None

    def register(self, key, text, division):
        """Sends until it is acknowledged; false when the run ends before that."""
        body = json.dumps({"text": text, "division": division, "channel": "ONLINE"},
                          ensure_ascii=False).encode()
        failed_at = None
        while True:
            address = self.desk.current_address(failed_at)
            if address is None:
                return False
            with self.desk.lock:
                self.desk.sent += 1
            status, answer = self.ask(address, "POST", "/v1/needs", body, key)
            if status == 200:
                if answer["text"] != text:
                    self.desk.fault(f"key {key} was answered with another need's text")
                self.desk.note(key, answer["name"], text)
                return True
            if status is not None and status not in (429, 503, 504):
                self.desk.fault(f"key {key}: HTTP {status}: {answer}")
                return False
            failed_at = address

    def run(self):
        count = 0
        while not self.desk.stopping:
            key = f"client-{self.number}-{count}"
            text = f"{self.random.choice(WORDS)}问题,第{self.number}号登记员第{count}件"
            division = self.random.choice(DIVISIONS)
            self.open_keys.append((key, text, division))
            if not self.register(key, text, division):
                return
            count += 1
            # An answer may be lost after the client has it: it asks again, for an old one.
            if self.random.random() < 0.1:
                self.register(*self.random.choice(self.open_keys))


def pages(client, address, path, field):
    """Every resource that a list or search gives."""
    found, mark = [], ""
    while True:
        status, answer = client.ask(address, "GET", f"{path}&pageSize=1000&pageToken={mark}")
        if status != 200:
            raise SystemExit(f"{path}: HTTP {status}: {answer}")
        found += answer.get(field, [])
        mark = answer.get("nextPageToken", "")
        if not mark:
            return found


def check_second_process(program, data_dir):
    try:
        second = subprocess.run(
            [program, "serve", "all", "--data-dir", data_dir, "--standard",
             os.path.join(os.path.dirname(__file__), "../../deploy/standards/linhai"),
             "--http", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return ["a second process serves the same data folder"]
    if second.returncode != EX_TEMPFAIL or "needs_intake.db" not in second.stderr:
        return [f"a second process on the folder: exit {second.returncode}, {second.stderr!r}; "
                f"wanted {EX_TEMPFAIL} and the file's name"]
    return []


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", nargs="?")
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = arguments.parse_args()
    program = binary(options.program)
    dice = random.Random(options.seed)
    print(f"kill9: {program}, {options.kills} kills, seed {options.seed}", flush=True)

    with tempfile.TemporaryDirectory(prefix="linjuli-kill9-") as data_dir:
        desk = Desk(token(program, data_dir, "kill9", "--role", "COMMUNITY_WORKER",
                          "--area", "331082"))
        served = Served(program, data_dir)
        starts = [served.seconds_to_ready]
        faults = check_second_process(program, data_dir)
        desk.serve_at(served.addresses["http"])
        clients = [Client(desk, i, options.seed) for i in range(CLIENTS)]
        for client in clients:
            client.start()

        kills = in_start = 0
        while kills < options.kills and not desk.faults:
            # Some acknowledgements on, and then anywhere within the few milliseconds of a commit.
            if not desk.wait_for_more(dice.randint(1, 200)):
                desk.fault("no need is acknowledged any more")
                break
            time.sleep(dice.uniform(0, 0.004))
            served.kill()
            kills += 1
            desk.serve_at(None)
            served = Served(program, data_dir, ready=False)
            if kills < options.kills and dice.random() < 0.15:  # while it recovers
                time.sleep(dice.uniform(0, statistics.median(starts)))
                served.kill()
                kills += 1
                in_start += 1
                served = Served(program, data_dir, ready=False)
            if not served.wait_ready():
                desk.fault("it did not start again: " + served.last_words())
                break
            starts.append(served.seconds_to_ready)
            desk.serve_at(served.addresses["http"])

        # Drains under load, and serves again.
        if not desk.faults:
            desk.wait_for_more(50)
            code = served.terminate()
            if code != 0:
                faults.append(f"SIGTERM under load: exit {code}, wanted 0: {served.last_words()}")
            desk.serve_at(None)
            served = Served(program, data_dir)
            desk.serve_at(served.addresses["http"])
            desk.wait_for_more(50)
        with desk.lock:
            desk.stopping = True
            desk.lock.notify_all()
        for client in clients:
            client.join(60)
        faults += desk.faults
        if faults:
            print("\n".join("FAILED: " + fault for fault in faults[:20]))
            served.kill()
            return 1

        # What was under way when the run ended is sent once more, so that each key has one answer;
        # and so is a share of the old ones, which must answer as they did.
        desk.stopping = False
        last = Client(desk, CLIENTS, options.seed)
        for client in clients:
            for key, text, division in client.open_keys:
                if key not in desk.acknowledged or dice.random() < 0.2:
                    last.register(key, text, division)
        faults += desk.faults
        address = served.addresses["http"]
        there = {need["name"]: need["text"]
                 for need in pages(last, address, "/v1/needs?division=331082", "needs")}
        keys = {key for client in clients for key, _, _ in client.open_keys}
        lost = [f"{key}: {name}" for key, (name, text) in desk.acknowledged.items()
                if there.get(name) != text]
        names = {name for name, _ in desk.acknowledged.values()}
        duplicates = len(there) - len(keys)
        for name in dice.sample(sorted(names), min(200, len(names))):
            status, answer = last.ask(address, "GET", "/v1/" + name)
            if status != 200 or answer["text"] != there.get(name):
                lost.append(f"GET {name}: HTTP {status}")
        for word in WORDS:
            wanted = {name for name, text in there.items() if word in text}
            query = "/v1/needs:search?query=" + "".join(f"%{b:02X}" for b in word.encode())
            found = {need["name"] for need in pages(last, address, query, "needs")}
            if found != wanted:
                faults.append(f"search {word}: {len(found)} found, {len(wanted)} contain it")

        code = served.terminate()
        if code != 0:
            faults.append(f"SIGTERM at rest: exit {code}, wanted 0")
        verify = subprocess.run([program, "verify", "--data-dir", data_dir], capture_output=True,
                                text=True)
        held = f"needs_intake: {len(there)} changes hold"
        if verify.returncode != 0 or held not in verify.stdout:
            faults.append(f"verify: exit {verify.returncode}: {verify.stdout}{verify.stderr}"
                          f"wanted \"{held}\"")
        with sqlite3.connect(f"file:{data_dir}/needs_intake.db?mode=ro", uri=True) as db:
            (integrity,) = db.execute("PRAGMA integrity_check").fetchone()
        db.close()
        if integrity != "ok":
            faults.append("integrity_check: " + integrity)

        floor = 20 * options.kills
        if desk.sent < floor or len(desk.acknowledged) < floor:
            faults.append(f"only {desk.sent} requests were sent; at least {floor} make a test")
        if lost:
            faults.append(f"{len(lost)} lost, as {lost[0]}")
        if duplicates != 0 or len(names) != len(desk.acknowledged):
            faults.append(f"{len(there)} needs for {len(keys)} keys")
        print(f"kills {kills} ({in_start} while it started), sent {desk.sent}, "
              f"acknowledged {len(desk.acknowledged)}, lost {len(lost)}, duplicates {duplicates}\n"
              f"start to ready: median {statistics.median(starts):.3f} s, "
              f"max {max(starts):.3f} s\n{verify.stdout.strip()}")
        print("\n".join("FAILED: " + fault for fault in faults) if faults else "kill9: passed")
        return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
