"""Runs a command in a pseudo-terminal of a given size and plays a dialogue with it.

    drive.py ROWS COLUMNS STEPS_JSON COMMAND ARGS...

STEPS_JSON is a list of [pattern, text]: once the output since the last match matches the regular expression, the text is
typed. Prints a JSON object {output, status, failed}: all output (Latin-1), the exit status (null if it had to be killed) and
the index of the step that was not reached (null if all were).
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

STEP_SECONDS = 60

rows, columns, steps = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[4], sys.argv[4:])
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

output, matched, failed, status = b"", 0, None, None


def read(deadline):
    """More output; False at the end of it or when time is up."""
    global output
    ready, _, _ = select.select([master], [], [], max(0, deadline - time.time()))
    if not ready:
        return False
    try:
        data = os.read(master, 65536)
    except OSError:
        return False
    # What a terminal answers when it is asked where the cursor is.
    if b"\x1b[6n" in data:
        os.write(master, b"\x1b[1;1R")
    output += data
    return bool(data)


for index, (pattern, text) in enumerate(steps):
    deadline = time.time() + STEP_SECONDS
    while True:
        found = re.search(pattern.encode("latin-1"), output[matched:])
        if found:
            break
        if not read(deadline):
            failed = index
            break
    if failed is not None:
        break
    matched += found.end()
    os.write(master, text.encode("latin-1"))

deadline = time.time() + STEP_SECONDS
if failed is None:
    while read(deadline):
        pass
while time.time() < deadline and failed is None:
    done, code = os.waitpid(pid, os.WNOHANG)
    if done:
        status = os.waitstatus_to_exitcode(code)
        break
    time.sleep(0.05)
if status is None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
print(json.dumps({"output": output.decode("latin-1"), "status": status, "failed": failed}))
