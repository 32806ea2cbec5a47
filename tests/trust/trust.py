"""The parts of ./dev trust; ./dev builds what they run. Each writes JSON lines to build/trust/."""

import argparse
import datetime
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import sys

import mutation
import report
from common import JOBS, RESULTS, ROOT, append_line, run, say

PROGRAMS = os.path.join(ROOT, 'build', 'release', 'bin')


def git(*arguments):
    return subprocess.run(['git', *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def version(*command):
    if not shutil.which(command[0]):
        return ''
    return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]


def machine():
    cpu = next((line.split(':')[1].strip() for line in open('/proc/cpuinfo', encoding='utf-8') if line.startswith('model name')),
               platform.machine())
    system = next((line.split('=')[1].strip().strip('"') for line in open('/etc/os-release', encoding='utf-8')
                   if line.startswith('PRETTY_NAME')), platform.system())
    return {'cpu': re.sub(r'\s+', ' ', cpu), 'processors': os.cpu_count(), 'system': system,
            'compiler': version('c++', '-dumpfullversion')}


def record(part, result, passed, command, short):
    line = {'part': part, 'passed': bool(passed), 'result': result, 'command': command, 'short': short,
            'date': datetime.date.today().isoformat(), 'commit': git('rev-parse', '--short', 'HEAD') +
            ('+' if git('status', '--porcelain', '--untracked-files=no') else ''), 'machine': machine()}
    append_line('short.jsonl' if short else 'results.jsonl', line)
    say(f'{part}: {"holds" if passed else "DOES NOT HOLD"}: {json.dumps(result)}')
    return bool(passed)


def last_json(text):
    lines = [line for line in text.splitlines() if line.startswith('{')]
    try:
        return json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}


def show_failure(status, text):
    if status != 0:
        say(text[-3000:])


def suite(part, entries, environment, pattern, short, seconds=7200):
    """Runs entries of the suite; what `pattern` finds in their output is the result."""
    command = [os.path.join(PROGRAMS, 'gradus_tests'), '--filenames-as-tags', ','.join(f'[#{e}]' for e in entries)]
    status, text, spent = run(command, seconds, environment)
    show_failure(status, text)
    found = re.search(pattern, text)
    result = {name: int(value) for name, value in (found.groupdict().items() if found else ())}
    shown = ' '.join([f'{k}={v}' for k, v in environment.items()] + ['gradus_tests'] + command[1:])
    return record(part, {**result, 'seconds': round(spent)}, status == 0 and found, shown, short)


def program(part, name, arguments, short, seconds=7200):
    status, text, spent = run([os.path.join(PROGRAMS, f'trust_{name}'), *map(str, arguments)], seconds)
    show_failure(status, text)
    result = last_json(text)
    return record(part, {**result, 'seconds': round(spent)}, status == 0 and result, f'trust_{name} ' + ' '.join(map(str, arguments)), short)


def kills(short):
    count = 6 if short else 100
    passed = suite('kills', ['kill_test'], {'GRADUS_KILLS': str(count)},
                   r'(?P<kills>\d+) kills, (?P<after_a_checkpoint>\d+) of them after a first checkpoint, in (?P<runs>\d+) runs', short)
    if not short:
        passed &= suite('calls', ['crash_test'], {}, r'\((?P<assertions>\d+) assertions in (?P<cases>\d+) test cases', short)
    return passed


def allocations(short):
    return program('allocations', 'allocations', [30 if short else 500, 11], short)


def bits(short):
    return program('bits', 'bits', [5 if short else 100], short)


def deep(short):
    return program('deep', 'deep', [300_000 if short else 10_000_000], short)


def dev(part, arguments, pattern, short, environment=None, seconds=6 * 3600):
    """A command of ./dev that fails by itself; numbers of interest are found in its output."""
    status, text, spent = run(['./dev', *arguments], seconds, environment)
    show_failure(status, text)
    found = re.search(pattern, text)
    result = {name: int(value) for name, value in (found.groupdict().items() if found else ())}
    shown = ' '.join([f'{k}={v}' for k, v in (environment or {}).items()] + ['./dev', *arguments])
    return record(part, {**result, 'seconds': round(spent)}, status == 0, shown, short)


def fuzz(short):
    seconds = os.environ.get('FUZZ_SECONDS', '60')
    names = sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(ROOT, 'tests/fuzz/*.cpp')))
    passed = True
    for name in names:
        status, text, spent = run(['./dev', 'fuzz', name], 4 * 3600, {'FUZZ_SECONDS': seconds})
        show_failure(status, text)
        found = re.search(r'stat::number_of_executed_units:\s*(\d+)', text)
        result = {'fuzzer': name, 'seconds': int(seconds), 'inputs': int(found.group(1)) if found else None}
        passed &= record('fuzz', result, status == 0 and found, f'FUZZ_SECONDS={seconds} ./dev fuzz {name}', short)
    return passed


def threads(short):
    # What runs other programs is left out: these are built without the sanitizer's instrumentation of this build.
    return dev('threads', ['tsan', '-E', EXCLUDED_FROM_TSAN], r'(?P<percent>\d+)% tests passed, (?P<failed>\d+) tests failed out of (?P<tests>\d+)', short)


def leaks(short):
    return dev('leaks', ['asan-ubsan'], r'(?P<percent>\d+)% tests passed, (?P<failed>\d+) tests failed out of (?P<tests>\d+)', short)


def mutations(short):
    return mutation.part(short, lambda result, passed, command: record('mutation', result, passed, command, short))


EXCLUDED_FROM_TSAN = 'train/report/browser_test'
PARTS = {'kills': kills, 'fuzz': fuzz, 'allocations': allocations, 'threads': threads, 'leaks': leaks, 'deep': deep,
         'bits': bits, 'mutation': mutations}
SHORT = ['kills', 'allocations', 'bits', 'deep', 'mutation']


def main():
    parser = argparse.ArgumentParser(prog='./dev trust', description=__doc__)
    parser.add_argument('parts', nargs='*', choices=[*PARTS, []], metavar='part', help=', '.join(PARTS) + '; all unless given')
    parser.add_argument('--short', action='store_true', help='a handful of each: ' + ', '.join(SHORT))
    parser.add_argument('--report', action='store_true', help='write docs/reliability.md from the results')
    options = parser.parse_args()
    os.makedirs(RESULTS, exist_ok=True)
    if options.report:
        report.write()
        if not options.parts:
            return 0
    chosen = options.parts or (SHORT if options.short else list(PARTS))
    failed = [part for part in chosen if not PARTS[part](options.short)]
    if failed:
        say(f'dev: trust: does not hold: {", ".join(failed)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
