#!/usr/bin/python3
"""Sends telling values in personal fields through every call, and looks for them where they must not
be: log, metrics, feed, error messages, database, write-ahead log, key file, copies, exports. A value
in a field that is not personal goes the same ways and must be found, so that the search is known to
see. At the end the person is erased, and reads as empty everywhere (R47).

  canary.py [PROGRAM]
"""
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from served import Served, binary, token  # noqa: E402

DIVISION = "331082001001"
NAME, PHONE, PLACE = "金丝雀名", "13987651234", "金丝雀巷九号"
WRONG_PHONE = "canary-no-phone"
CANARIES = [NAME, PHONE, PLACE, WRONG_PHONE, "金丝雀新名"]
CONTROL = "对照诉求文字"


class Door:
    def __init__(self, address):
        self.address = address

    def raw(self, method, path, body, bearer, key=None):
        connection = http.client.HTTPConnection(self.address, timeout=20)
        headers = {"Content-Type": "application/json"}
        if bearer:
            headers["Authorization"] = "Bearer " + bearer
        if key:
            headers["Idempotency-Key"] = key
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def ok(self, method, path, body, bearer, key=None):
        status, text = self.raw(method, path, json.dumps(body).encode() if body else None, bearer,
                                key)
        assert status == 200, f"{method} {path}: {status} {text}"
        return json.loads(text)

    def refused(self, method, path, body, bearer):
        status, text = self.raw(method, path, body.encode(), bearer)
        assert 400 <= status < 500, f"{method} {path}: {status} {text}"
        return text


def need(**fields):
    return {"text": CONTROL, "division": DIVISION, "channel": "ONLINE", **fields}


def full(**fields):
    return need(**{"reporterName": NAME, "reporterPhone": PHONE, "place": PLACE, **fields})


def shows(resource):
    """True: in clear; False: masked; anything else is a fault."""
    if resource.get("reporterName") == NAME and resource["reporterPhone"] == PHONE:
        return True
    assert resource["reporterName"] == "金***" and resource["reporterPhone"] == "1********34", resource
    return False


def accesses(door, name, bearer):
    history = door.ok("GET", "/v1/history/" + name, None, bearer)
    return [change for change in history["changes"] if change.get("access")]


def go_round(door, people):
    """Everything that can be done with a need; what left the program where nobody may see it."""
    resident, worker, lead, provider, auditor = people
    made = door.ok("POST", "/v1/needs", full(), resident, "key-1")
    name = made["name"]
    assert shows(made) and door.ok("POST", "/v1/needs", full(), resident, "key-1") == made
    batch = door.ok("POST", "/v1/needs:batchCreate",
                    {"requests": [{"need": full(), "requestId": "row-1"},
                                  {"need": full(reporterPhone=WRONG_PHONE)}]}, worker)
    assert shows(batch["results"][0]["need"]) and "error" in batch["results"][1]
    assert accesses(door, name, resident) == []
    for who, clear in ((resident, True), (worker, True), (provider, False), (auditor, False)):
        listed = door.ok("GET", "/v1/needs", None, who)["needs"]
        assert shows([one for one in listed if one["name"] == name][0]) == clear
        assert shows(door.ok("GET", "/v1/" + name, None, who)) == clear
        found = door.ok("GET", "/v1/needs:search?query=%E5%AF%B9%E7%85%A7", None, who)["needs"]
        assert all(shows(one) == clear for one in found)
    records = accesses(door, name, resident)
    assert [one["method"].split(".")[-1] for one in records] == [
        "ListNeeds", "GetNeed", "SearchNeeds"], records
    assert all(one["caller"] == "worker/1" and not one.get("references") for one in records), records
    for verb, who in (("claim", worker), ("start", worker), ("urge", lead)):
        assert shows(door.ok("POST", f"/v1/{name}:{verb}", {},
                             who))
    history = door.ok("GET", "/v1/history/" + name, None, worker)
    assert shows(history["changes"][0]["snapshot"])

    outside = json.dumps(door.ok("GET", "/v1/changes/needs_intake?pageSize=1000", None, auditor),
                         ensure_ascii=False)
    assert '"access":true' in outside.replace(" ", "")
    outside += batch["results"][1]["error"].get("message", "") + json.dumps(batch["results"][1])
    bad = json.dumps(full(reporterPhone=WRONG_PHONE), ensure_ascii=False)
    for body in (bad, bad[:-1], bad.replace('"text"', f'"{NAME}"'), bad.replace(f'"{NAME}"', "7"),
                 bad.replace(NAME, NAME * 40), bad.replace(NAME, NAME + "\\u0001")):
        text = door.refused("POST", "/v1/needs", body, resident)
        # What a caller calls a field is not in a field.
        outside += text.replace(NAME, "") if f'"{NAME}"' in body and '"text"' not in body else text
    return name, outside


def erase(program, folder, door, person):
    admin = token(program, folder, "admin/1", "--role", "SECURITY_ADMIN")
    leader = token(program, folder, "leader/1", "--role", "LEADER")
    asked = door.ok("POST", "/v1/erasures", {"person": person, "reason": "x"}, admin)["name"]
    assert "SELF_APPROVE" in door.refused("POST", f"/v1/{asked}:approve", "{}", admin)
    door.ok("POST", f"/v1/{asked}:approve", {}, leader)


def wait_until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come to pass"
        time.sleep(0.02)


def hits(canary, folder, outside):
    found = [place for place, text in outside.items() if canary in text]
    for root, _, files in os.walk(folder):
        for file in files:
            with open(os.path.join(root, file), "rb") as contents:
                if canary.encode() in contents.read():
                    found.append(file)
    return found


def metrics_of(address):
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


def look(folder, outside, when, control):
    for canary in CANARIES:
        found = hits(canary, folder, outside)
        assert not found, f"{when}: {canary} stands in {found}"
    found = hits(CONTROL, folder, outside)
    missing = [place for place in control if place not in found]
    assert not missing, f"{when}: the search does not see what stands in {missing}"


def run(program, profile):
    with tempfile.TemporaryDirectory() as folder:
        people = [token(program, folder, subject, "--role", role, *area)
                  for subject, role, area in (
                      ("resident/1", "RESIDENT", ()),
                      ("worker/1", "COMMUNITY_WORKER", ("--area", "331082001")),
                      ("lead/1", "LEAD_WORKER", ("--area", "331082001")),
                      ("provider/1", "PROVIDER", ("--area", "331082001")),
                      ("auditor/1", "AUDITOR", ()))]
        extra = ("--crypto", profile)
        served = Served(program, folder, extra=extra)
        door = Door(served.addresses["http"])
        name, feed = go_round(door, people)
        outside = {"feed": feed, "metrics": metrics_of(served.addresses["metrics"])}
        copies = os.path.join(folder, "copies")
        os.mkdir(copies)
        for file in os.listdir(folder):
            if file.startswith("needs_intake.db"):
                shutil.copy(os.path.join(folder, file), copies)
        log = open(served.log_path, encoding="utf-8").read()
        assert "PHONE_FORMAT" in log, "the refusals are not in the log"
        look(folder, outside, "serving", ["feed", "needs_intake.db-wal"])
        served.kill()
        look(folder, outside, "killed", ["needs_intake.db-wal"])
        served = Served(program, folder, extra=extra)
        assert shows(Door(served.addresses["http"]).ok("GET", "/v1/" + name, None, people[0]))
        assert served.terminate() == 0
        look(folder, outside, "stopped", ["needs_intake.db"])

        export = [program, "export", "--data-dir", folder, "needs_intake"]
        outside["export"] = subprocess.run(export, check=True, capture_output=True,
                                           text=True).stdout
        look(folder, outside, "exported", ["export"])
        clear = subprocess.run(export + ["--personal"], check=True, capture_output=True,
                               text=True).stdout
        assert NAME in clear and PHONE in clear
        look(folder, outside, "exported in clear", ["export"])
        verified = subprocess.run([program, "verify", "--data-dir", folder], capture_output=True,
                                  text=True)
        assert verified.returncode == 0, verified.stdout
        with Served(program, folder, extra=extra) as served:
            door = Door(served.addresses["http"])
            last = accesses(door, name, people[0])[-1]
            assert (last["caller"], last["method"]) == ("operator", "export"), last
            erase(program, folder, door, "resident/1")
            wait_until(lambda: "reporterName" not in door.ok("GET", "/v1/" + name, None, people[0]))
            history = json.dumps(door.ok("GET", "/v1/history/" + name, None, people[0]))
            assert "reporterName" not in history and "CreateNeed" in history
    print(f"{profile}: {len(CANARIES)} canaries, 0 found; the control is found everywhere")


def main():
    program = binary(sys.argv[1] if len(sys.argv) > 1 else None)
    for profile in ("intl", "gm"):
        run(program, profile)


if __name__ == "__main__":
    main()
