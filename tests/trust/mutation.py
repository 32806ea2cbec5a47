"""The mutation score: which small changes to the sources do the tests notice?

All changes of the sample are compiled into one program, each behind a switch (mutation.hpp). One run of the suite
without any change notes which test cases reach which change; each change is then tried against the test cases that
reach it, the quickest first, until one fails."""

import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile

from common import JOBS, RESULTS, ROOT, append_line, read_lines, run, say
from points import overlapping, points_of, with_switches

FOLDER = os.path.join(RESULTS, 'mutation')
SHADOW = os.path.join(FOLDER, 'src')
PROGRAM = os.path.join(FOLDER, 'gradus_mutants')
BUILD = os.path.join(ROOT, 'build', 'release')
SEED = 11
GROUPS = {'ops and autograd': (('ops', 'autograd', 'tensor'), 400), 'kernels and io': (('kernels', 'io'), 200)}
SHORT_COUNTS = {'ops and autograd': 8, 'kernels and io': 2}
SPARE = 1.2           # a change that does not compile is replaced by the next of the sample
SLOWEST_TEST = 30     # seconds; slower test cases are not asked
TEST_SECONDS = 90     # at most this much of quickest test cases is asked about a change


def sources():
    return sorted(path for folders, _ in GROUPS.values() for folder in folders
                  for path in glob.glob(os.path.join('src', folder, '**', '*.[ch]pp'), root_dir=ROOT, recursive=True))


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def sample():
    """{group: points in the order of the sample}"""
    macros = set(re.findall(r'#define (__\w+__) 1', subprocess.run(['c++', '-march=native', '-dM', '-E', '-x', 'c++', '/dev/null'],
                                                                 capture_output=True, text=True, check=True).stdout))
    return {group: sorted((point for path in sources() if path.split('/')[1] in folders
                           for point in points_of(path, read(path), SEED, macros)), key=lambda p: p.key)
            for group, (folders, _) in GROUPS.items()}


def equivalents():
    """{(file, change, code): reason}"""
    out = {}
    for line in read('tests/trust/equivalent.tsv').splitlines():
        if line and not line.startswith('#'):
            file, change, code, reason = line.split('\t')
            out[file, change, code] = reason
    return out


def write_shadow(numbered):
    """A copy of src with the changes in it; files that did not change stay untouched."""
    by_file = {}
    for n, point in numbered.items():
        by_file.setdefault(point.file, []).append((n, point))
    for path in glob.glob('src/**/*', root_dir=ROOT, recursive=True):
        if not os.path.isfile(os.path.join(ROOT, path)) or not path.endswith(('.cpp', '.hpp')):
            continue
        text = read(path)
        if path in by_file:
            text = with_switches(text, by_file[path])
        target = os.path.join(FOLDER, path)
        if not os.path.exists(target) or open(target, encoding='utf-8').read() != text:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, 'w', encoding='utf-8') as file:
                file.write(text)


def compile_entries():
    """What compiles each source: those of a folder are compiled as one."""
    with open(os.path.join(BUILD, 'compile_commands.json'), encoding='utf-8') as file:
        entries = json.load(file)
    for entry in entries:
        if '/Unity/' in entry['file']:
            with open(entry['file'], encoding='utf-8') as unit:
                yield from ({**entry, 'file': path} for path in re.findall(r'#include "(.*)"', unit.read()))
        else:
            yield entry


def output_of(entry):
    words = shlex.split(entry['command'])
    return os.path.normpath(os.path.join(entry['directory'], words[words.index('-o') + 1]))


def compile_command(entry):
    """The release build's command for a source, for its copy: quicker to compile, the same meaning."""
    words = shlex.split(entry['command'])
    while os.path.basename(words[0]) not in ('c++', 'g++', 'clang++'):
        words.pop(0)
    path = os.path.relpath(entry['file'], ROOT)
    out = os.path.join(FOLDER, 'objects', path + '.o')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    shadowed = {f'-I{ROOT}/src': [f'-I{SHADOW}'], f'-I{ROOT}': [f'-I{FOLDER}', f'-I{ROOT}'], '-Winvalid-pch': []}
    words = [word for w in words for word in shadowed.get(w, [w])]
    words = ['-O1' if w == '-O3' else w for w in words if not w.startswith('-W')]
    words[words.index('-o') + 1] = out
    words[words.index('-c') + 1] = os.path.join(FOLDER, path)
    cache = ['ccache'] if shutil.which('ccache') else []
    return cache + words[:1] + ['-w', '-include', os.path.join(ROOT, 'tests/trust/mutation.hpp')] + words[1:], out


def lines_in_shadow(diagnostics):
    """{(file, line)} that the compiler's errors speak of."""
    found = set()
    for path, line in re.findall(r'([\w./+-]+):(\d+)[:,]', diagnostics):
        full = path if path.startswith('/') else os.path.normpath(os.path.join(BUILD, path))
        if full.startswith(SHADOW):
            found.add((os.path.relpath(full, FOLDER), int(line)))
    return found


def compile_one(entry, numbered):
    """Compiles a copy; changes that do not compile leave the program. Returns the object's path."""
    command, out = compile_command(entry)
    path = os.path.relpath(entry['file'], ROOT)
    environment = {**os.environ, 'CCACHE_BASEDIR': ROOT, 'CCACHE_NOHASHDIR': '1'}
    while True:
        result = subprocess.run(command, cwd=entry['directory'], capture_output=True, text=True, env=environment)
        if result.returncode == 0:
            return out
        places = lines_in_shadow(result.stderr)
        bad = [n for n, p in numbered.items() if (p.file, p.line) in places]
        if not bad:  # nothing to blame: give up on this file's own changes
            bad = [n for n, p in numbered.items() if p.file == path]
        if not bad:
            raise SystemExit(f'dev trust: {path} does not compile:\n{result.stderr[-3000:]}')
        for n in bad:
            numbered.pop(n, None)
        write_shadow(numbered)


def hash_of(paths):
    digest = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as file:
            digest.update(file.read())
    return digest.hexdigest()


def build(numbered, only_changed):
    """Compiles and links the program; returns the hash of its changed objects."""
    write_shadow(numbered)
    entries = list(compile_entries())
    wanted = tuple(f'{ROOT}/src/{folder}/' for folders, _ in GROUPS.values() for folder in folders)
    changed = {os.path.dirname(p.file) for p in numbered.values()}  # the library has a folder in one object
    chosen = [e for e in entries if e['file'].startswith(wanted) and
              (not only_changed or os.path.dirname(os.path.relpath(e['file'], ROOT)) in changed)]
    say(f'Compiling {len(chosen)} files with {len(numbered)} changes')
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        objects = list(pool.map(lambda e: compile_one(e, numbered), chosen))
    main = next(e for e in entries if e['file'].endswith('tests/support/main.cpp'))
    words = shlex.split(main['command'])
    while os.path.basename(words[0]) not in ('c++', 'g++', 'clang++'):
        words.pop(0)
    switches = os.path.join(FOLDER, 'mutation.o')
    words[words.index('-o') + 1], words[words.index('-c') + 1] = switches, os.path.join(ROOT, 'tests/trust/mutation.cpp')
    subprocess.run(words, cwd=main['directory'], check=True)
    tests = sorted({output_of(e) for e in entries if '/gradus_tests.dir/' in output_of(e) and not e['file'].endswith('.hxx.cxx')})
    linker = ['-fuse-ld=mold'] if shutil.which('mold') else ['-fuse-ld=lld'] if shutil.which('ld.lld') else []
    link = subprocess.run(['ninja', '-C', BUILD, '-t', 'commands', 'bin/gradus_tests'], capture_output=True, text=True,
                          check=True).stdout.strip().splitlines()[-1]
    libraries = [w for w in shlex.split(link) if w.endswith(('.so', '.a')) or w.startswith('-l') or '.so.' in w]
    libraries = [w if w.startswith(('-l', '/')) else os.path.join(BUILD, w) for w in libraries]
    subprocess.run(['c++', *linker, *tests, switches, *objects, *libraries, '-pthread', '-o', PROGRAM], check=True)
    return hash_of(objects + [switches])


def test_files():
    """{stem: its objects}: what one entry of ctest runs. Those of the trainer are far from the sources and slow."""
    out = {}
    for entry in sorted(compile_entries(), key=lambda e: e['file']):
        name = os.path.relpath(entry['file'], os.path.join(ROOT, 'tests'))
        if not name.startswith(('../', 'support/', 'apps/', 'train/', 'trust/')):
            stem = os.path.splitext(os.path.basename(name))[0]
            out.setdefault(stem, {})[name] = output_of(entry)
    return out


def reach(objects_hash, numbered, short):
    """[(seconds, name, places)] of all test cases that pass without a change; of the folders' own tests in short."""
    cache_path = os.path.join(FOLDER, 'reach.short.json' if short else 'reach.json')
    cache = {}
    if os.path.exists(cache_path):
        with open(cache_path, encoding='utf-8') as file:
            cache = json.load(file)
    fresh = {}

    def one(stem, objects):
        key = objects_hash + hash_of(objects.values())
        if stem in cache and cache[stem]['key'] == key:
            fresh[stem] = cache[stem]
            return
        with tempfile.NamedTemporaryFile('r', suffix='.reach') as out:
            status, text, _ = run([PROGRAM, '--filenames-as-tags', f'[#{stem}]'], 1200, {'GRADUS_REACH': out.name})
            cases = [line.rstrip('\n').split('\t') for line in out]
        if status != 0:
            say(f'  without a change: tests of {stem} end with status {status}: {text[-400:]}')
        fresh[stem] = {'key': key if status == 0 else '', 'cases': [[float(seconds), name, [int(n) for n in places.split()]]
                                             for seconds, passed, name, places in cases if passed == '1']}

    files = test_files()
    if short:
        folders = {'/' + p.file.split('/')[1] + '/' for p in numbered.values()}
        files = {stem: names for stem, names in files.items() if any(('/' + n).startswith(f) for f in folders for n in names)}
    say('Noting which test cases reach which change')
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(lambda item: one(*item), files.items()))
    with open(cache_path, 'w', encoding='utf-8') as file:
        json.dump({stem: found for stem, found in fresh.items() if found['key']}, file)
    return [(seconds, name, set(places)) for stem in sorted(fresh) for seconds, name, places in fresh[stem]['cases']]


def batches(cases):
    """Test cases by their time, quickest first, in batches of growing time."""
    out, batch, batch_time, limit, total = [], [], 0, 0.5, 0
    for seconds, name in sorted(cases):
        if seconds > SLOWEST_TEST or total > TEST_SECONDS:
            break
        batch.append(name)
        batch_time += seconds
        total += seconds
        if batch_time > limit or len(batch) >= 200:
            out.append((batch, batch_time))
            batch, batch_time, limit = [], 0, min(limit * 3, 20)
    if batch:
        out.append((batch, batch_time))
    return out


def escaped(name):
    return '"' + re.sub(r'([\\",])', r'\\\1', name) + '"'


def attempt(n, cases):
    """(result, the test that noticed, seconds)"""
    mine = [(seconds, name) for seconds, name, places in cases if n in places]
    if not mine:
        return 'unreached', '', 0
    spent = 0
    for names, expected in batches(mine):
        with tempfile.NamedTemporaryFile('w', suffix='.tests') as file:
            file.write('\n'.join(escaped(name) for name in names) + '\n')
            file.flush()
            limit = 15 + 8 * expected
            status, text, seconds = run([PROGRAM, '--abort', '--input-file', file.name], limit, {'GRADUS_MUTANT': str(n)},
                                        memory=12 << 30)
        spent += seconds
        if status == 0 and 'No tests ran' in text:
            raise SystemExit(f'dev trust: no test was found of {names}')
        if status is None:
            return 'caught', f'no end in {limit:.0f} s', spent
        if status < 0:
            return 'caught', f'signal {-status}', spent
        if status != 0:
            name = re.search(r'^-{79}\n(.*?)\n-{79}', text, re.M | re.S)
            return 'caught', (name.group(1).split('\n')[0] if name else text.strip()[-80:]), spent
    return 'survived', '', spent


def choose(wanted, only_sources):
    """{number: point} of the sample, with some to spare; no two in one program touch the same text."""
    ordered, numbered, taken = sample(), {}, {}
    for group, points in ordered.items():
        points = [p for p in points if not only_sources or p.file.endswith('.cpp')]
        for point in points[:int(wanted[group] * SPARE) + 2]:
            edits = taken.setdefault(point.file, [])
            if not overlapping(point.edits, edits):
                point.group = group
                numbered[len(numbered)] = point
                edits += [(p, l) for p, l, _ in point.edits]
    return numbered


def summary(file, suffix=''):
    """{group: counts and survivors} of the sample as far as it was tried."""
    known, reasons = {line['key']: line for line in read_lines(file)}, equivalents()
    out = {}
    for group in GROUPS:
        path = os.path.join(FOLDER, f'{group}.sample{suffix}.json')
        keys = json.loads(read(path)) if os.path.exists(path) else []
        lines = [known[key] for key in keys if key in known]
        missed = [line for line in lines if line['result'] != 'caught']
        equivalent = [line for line in missed if (line['file'], line['change'], line['code']) in reasons]
        survivors = [line for line in missed if line not in equivalent]
        out[group] = {'sample': len(keys), 'tried': len(lines), 'caught': len(lines) - len(missed),
                      'equivalent': equivalent, 'survivors': survivors}
    return out


def part(short, record):
    """Runs the sample; what was caught before is not tried again."""
    wanted = SHORT_COUNTS if short else {group: count for group, (_, count) in GROUPS.items()}
    file = 'mutation_short.jsonl' if short else 'mutation.jsonl'
    suffix = '.short' if short else ''
    numbered = choose(wanted, short)
    objects_hash = build(numbered, short)
    cases = reach(objects_hash, numbered, short)
    known = {} if short else {line['key']: line for line in read_lines(file)}
    for group in GROUPS:
        numbers = [n for n, p in numbered.items() if p.group == group][:wanted[group]]
        with open(os.path.join(FOLDER, f'{group}.sample{suffix}.json'), 'w', encoding='utf-8') as out:
            json.dump([numbered[n].key for n in numbers], out)
        todo = [n for n in numbers if known.get(numbered[n].key, {}).get('result') != 'caught']
        say(f'{group}: {len(numbers)} changes, {len(todo)} to try')

        def one(n):
            point = numbered[n]
            result, by, seconds = attempt(n, cases)
            append_line(file, {'key': point.key, 'group': group, 'file': point.file, 'line': point.line, 'code': point.code,
                               'kind': point.kind, 'change': point.change, 'result': result, 'by': by,
                               'seconds': round(seconds, 2)})
            if result != 'caught':
                say(f'  {result}: {point.file}:{point.line}: {point.change}: {point.code}')

        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            list(pool.map(one, todo))
    passed, result = True, {}
    for group, s in summary(file, suffix).items():
        counted = s['tried'] - len(s['equivalent'])
        result[group] = {'sample': s['sample'], 'tried': s['tried'], 'caught': s['caught'],
                         'equivalent': len(s['equivalent']), 'survived': len(s['survivors'])}
        if group == 'ops and autograd':
            passed &= s['caught'] >= (0.75 if short else 0.98) * counted
    return record(result, passed, './dev trust mutation' + (' --short' if short else ''))
