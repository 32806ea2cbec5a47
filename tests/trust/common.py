"""What the parts of ./dev trust share: where results go, and how programs are run."""

import json
import math
import os
import resource
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESULTS = os.path.join(ROOT, 'build', 'trust')
JOBS = int(os.environ.get('JOBS') or os.cpu_count() or 1)


def say(text):
    print(text, flush=True)


def read_lines(name):
    """The JSON lines of a results file; a line that was cut off is left out."""
    path, out = os.path.join(RESULTS, name), []
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            for line in file:
                try:
                    out.append(json.loads(line))
                except ValueError:
                    pass
    return out


def append_line(name, value):
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, name), 'a', encoding='utf-8') as file:
        file.write(json.dumps(value, sort_keys=True) + '\n')


def wilson(successes, total, z=1.96):
    """The 95 % interval of a share."""
    if total == 0:
        return 0.0, 1.0
    p, n = successes / total, total
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def run(command, seconds, environment=None, memory=None, output=subprocess.STDOUT):
    """(status, text, seconds): status None after the time limit. Children die with the program."""
    def limits():
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    start = time.time()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=output, start_new_session=True, preexec_fn=limits)
    try:
        text, _ = process.communicate(timeout=seconds)
        status = process.returncode
    except subprocess.TimeoutExpired:
        status = None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if status is None:
        text, _ = process.communicate()
    return status, text.decode('utf-8', 'replace'), time.time() - start
