"""The real program, started as an operator starts it: on free ports, with its own data folder."""
import json
import os
import select
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STANDARD = os.path.join(ROOT, "deploy/standards/linhai")


def binary(path=None):
    """The program to test: the one that is named, or the newest sort of build that is there."""
    for candidate in [path] if path else ["build/release/linjuli", "build/dev/linjuli"]:
        candidate = os.path.join(ROOT, candidate)
        if os.access(candidate, os.X_OK):
            return candidate
    raise SystemExit("no linjuli is built; mend it: ninja -C build/dev linjuli")


# For tests in which few people do the work of many.
UNLIMITED = ("--no-shedding",)


class Served:
    """`linjuli serve …` on a data folder, from the moment it says that it is ready."""

    def __init__(self, program, data_dir, serve=("all",), doors=("http", "grpc", "metrics"),
                 extra=(), ready=True, log_dir=None, within=(), limits=UNLIMITED):
        """`within` is a command that the program is started by, as prlimit."""
        self.data_dir = data_dir
        self.log_path = os.path.join(log_dir or data_dir, "stderr.log")
        command = [*within, program, "serve", *serve, "--data-dir", data_dir, "--standard", STANDARD,
                   *limits]
        for door in doors:
            command += ["--" + door, "127.0.0.1:0"]
        self.begun = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command + list(extra), stdout=subprocess.PIPE,
                                            stderr=log)
        self.seconds_to_ready = None
        self.addresses = {}
        if ready and not self.wait_ready():
            raise RuntimeError("it did not start: " + self.last_words())

    def wait_ready(self, seconds=60):
        """Reads the line that tells the addresses; false when the process ended before it."""
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            return False
        self.seconds_to_ready = time.monotonic() - self.begun
        self.addresses = json.loads(line)
        return True

    def last_words(self):
        with open(self.log_path, "rb") as log:
            return log.read()[-2000:].decode(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self._reap()

    def terminate(self):
        """Asks it to drain; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self):
        code = self.process.wait(60)
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def token(program, data_dir, subject, *options):
    return subprocess.run([program, "token", "--data-dir", data_dir, "--subject", subject,
                           *options], check=True, capture_output=True, text=True).stdout.strip()
