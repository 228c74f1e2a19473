"""Processes that are started together and asked in turn, each in a process group of its own, which is ended as a whole."""

import os
import queue
import signal
import subprocess
import threading
import time


class Late(Exception):
    """It did not answer in time."""


class Ended(Exception):
    """It ended instead of answering."""


def end_group(process):
    """The process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def last_words(path, lines=3):
    try:
        with open(path, errors="replace") as file:
            said = [line.strip() for line in file if line.strip()]
    except OSError:
        return ""
    return " | ".join(said[-lines:])[-400:]


def run(command, *, seconds, log, environment):
    """Runs to the end within so many seconds. Raises Late or Ended, with the last words of its log."""
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True)
    try:
        code = process.wait(timeout=max(1, seconds))
    except subprocess.TimeoutExpired:
        raise Late(f"not done within {seconds:.0f} s: {last_words(log)}") from None
    finally:
        end_group(process)
    if code != 0:
        raise Ended(f"exit code {code}: {last_words(log)}")


class Contestant:
    """Says `ready` when it is prepared, and `timed` after each line that it is sent."""

    def __init__(self, name, command, *, log, environment):
        self.name, self.log, self.error = name, log, None
        with open(log, "w") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
                start_new_session=True,
                text=True,
            )
        self.answers = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.answers.put(line.strip())
        self.answers.put(None)

    def expect(self, word, seconds):
        """Waits for that line; False, with the reason in `error`, where it does not come."""
        until = time.monotonic() + seconds
        while self.error is None:
            try:
                answer = self.answers.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                self.error = f"not {word} within {seconds:.0f} s: {last_words(self.log)}"
                break
            if answer == word:
                return True
            if answer is None:
                self.error = f"ended before it was {word}: {last_words(self.log)}"
        end_group(self.process)
        return False

    def turn(self, seconds):
        if self.error is not None:
            return False
        try:
            self.process.stdin.write("time\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it has ended, which `expect` says
        return self.expect("timed", seconds)

    def finish(self, seconds=10):
        """Lets it write its last results and go."""
        try:
            self.process.stdin.close()
            self.process.wait(timeout=seconds)
        except (OSError, subprocess.TimeoutExpired):
            pass
        end_group(self.process)
