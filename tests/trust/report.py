"""Writes docs/reliability.md from the results of ./dev trust."""

import os

import mutation
from common import ROOT, read_lines, say, wilson


def latest(lines):
    out = {}
    for line in lines:
        out[line['part'], line['result'].get('fuzzer', '')] = line
    return out


def share(caught, counted):
    low, high = wilson(caught, counted)
    return f'{100 * caught / counted:.1f} % ({100 * low:.1f} to {100 * high:.1f} %)' if counted else 'none tried'


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    line = lambda row: '| ' + ' | '.join(str(c).ljust(w) for c, w in zip(row, widths)) + ' |'
    return '\n'.join([line(head), '|' + '|'.join('-' * (w + 2) for w in widths) + '|', *map(line, rows)])


def sentence(part, r):
    """What a part's result says."""
    if part == 'kills':
        return (f"{r.get('kills')} times SIGKILL at a random moment of a training process, in {r.get('runs')} runs, "
                f"{r.get('after_a_checkpoint')} of them after a first checkpoint: every file that was there could be read, and "
                'every run, resumed, ended with the bits of an undisturbed one.')
    if part == 'calls':
        return ('Every call of the file system that a training run, a save and the replacement of a run make fails once, with EIO and '
                f"with ENOSPC, and is once the process's last ({r.get('assertions'):,} assertions): each time a whole run was there, "
                'nothing that gradus had not written was touched, and going on ended with the bits of an undisturbed run.')
    if part == 'allocations':
        return (f"{r.get('tried')} seeded allocations (operator new and the pool of tensors and nodes) that fail in a training "
                f"run, a save and a load: {r.get('exceptions')} reached the caller as an exception, {r.get('aborts')} ended the process, "
                f"the others were done without. The process ends where the JSON library's destructors ask for memory, which may "
                f"not throw. {r.get('faults')} faults: nothing was held afterwards, a file was the old or the new one, none was "
                'left over, and going on gave the bits of an undisturbed run, also after an end of the process.')
    if part == 'bits':
        return (f"{r.get('runs')} runs with 1 to {r.get('most_threads')} threads (training of a perceptron, eager and captured, a "
                f"convolutional network and attention; sums, scans, sorting, scattering, products): {r.get('different')} with other bits.")
    if part == 'deep':
        return (f"{r.get('graphs')} graphs of {r.get('nodes'):,} operations, differentiated and freed on a stack of "
                f"{r.get('stack_kib')} KiB: {r.get('wrong')} wrong.")
    if part in ('threads', 'leaks'):
        what = 'the thread sanitizer' if part == 'threads' else 'the address, leak and undefined behaviour sanitizers'
        return f"The suite under {what}: {r.get('failed')} of {r.get('tests')} entries fail."
    return ''


def write():
    results = latest(read_lines('results.jsonl'))
    if not results:
        raise SystemExit('dev: trust: no results yet: run ./dev trust')
    newest = max(results.values(), key=lambda line: line['date'])
    m = newest['machine']
    out = ['# Reliability', '',
           f"Written by `./dev trust --report` from the results of `./dev trust`, {newest['date']}: {m['cpu']}, {m['processors']} "
           f"processors, {m['system']}, GCC {m['compiler']}. Each part can be run alone; the table names its command.", '']
    order = [('kills', 'Killed processes'), ('calls', 'Disks that fail'), ('allocations', 'Memory that runs out'), ('bits', 'The same bits'),
             ('deep', 'Deep graphs'), ('threads', 'Threads'), ('leaks', 'Memory')]
    for part, title in order:
        line = results.get((part, ''))
        out += [f'## {title}', '']
        out += [sentence(part, line['result']) if line else 'Not run yet: `./dev trust ' + ('kills' if part == 'calls' else part) + '`.', '']
    fuzzers = [line for (part, _), line in sorted(results.items()) if part == 'fuzz']
    out += ['## Files', '', 'Fuzzers of the readers under the address and undefined behaviour sanitizers; a finding is a crash, a '
            'sanitizer report, or an exception that is no `gradus::Error`.', '']
    if fuzzers:
        out += [table(['fuzzer', 'seconds', 'inputs', 'findings'],
                      [[f['result']['fuzzer'], f['result']['seconds'], f"{f['result']['inputs'] or 0:,}", 'none' if f['passed'] else 'yes']
                       for f in fuzzers]), '']
    else:
        out += ['Not run yet: `./dev trust fuzz`.', '']
    out += mutation_section()
    out += ['## Commands', '', table(['part', 'date', 'commit', 'seconds', 'holds', 'command'],
                                     [[line['part'], line['date'], line['commit'], line['result'].get('seconds', ''),
                                       'yes' if line['passed'] else 'no', f"`{line['command']}`"]
                                      for _, line in sorted(results.items())]), '']
    with open(os.path.join(ROOT, 'docs', 'reliability.md'), 'w', encoding='utf-8') as file:
        file.write('\n'.join(out))
    say('docs/reliability.md is written')


def first_run():
    runs = [line['result'] for line in read_lines('results.jsonl') if line['part'] == 'mutation']
    counts = [f"{s['caught']} of {s['tried']} in {group}" for group, s in runs[0].items()] if len(runs) > 1 else []
    return f"Its first run caught {' and '.join(counts)}, before equivalent changes were all known. " if counts else ''


def mutation_section():
    out = ['## What the tests notice', '',
           'Small changes are made to the sources (a sign, an operand, a constant, an axis, a flag, a bound, a dropped term), one at a '
           'time, and tried against the test cases that reach them. The sample is seeded and takes every place with the same '
           'probability; left out are the texts of errors, `assert`, `reserve`, prefetching, template arguments, what the compiler '
           'evaluates, and code for other processors. Changes that give the same results for every input are listed in '
           '[tests/trust/equivalent.tsv](../tests/trust/equivalent.tsv), each with the reason. The tests of the trainer and of the applications are not asked.', '',
           'A change that was caught is not tried again until its line changes. ' + first_run() +
           'Tests were written for what earlier runs of the sample showed, so the shares and their intervals are those of this '
           'sample; among other changes fewer are caught.', '']
    rows, survivors = [], []
    for group, s in mutation.summary('mutation.jsonl').items():
        counted = s['tried'] - len(s['equivalent'])
        rows.append([group, s['tried'], len(s['equivalent']), s['caught'], len(s['survivors']), share(s['caught'], counted)])
        survivors += s['survivors']
    out += [table(['sources', 'tried', 'equivalent', 'caught', 'not caught', 'share caught (95 % interval)'], rows), '']
    if survivors:
        out += ['Not caught:', '']
        out += [f"- `{s['file']}`, {s['change']}: `{s['code']}`" + (' (no test reaches it)' if s['result'] == 'unreached' else '')
                for s in survivors] + ['']
    return out
