"""Finds the places in C++ sources that a mutation can change, and writes each change behind a switch (mutation.hpp)."""

import hashlib
import re

TOKEN = re.compile(
    r'''//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'
      |^[ \t]*\#(?:\\\n|[^\n])*
      |(?:0[xX][\da-fA-F']+|\d[\d']*\.?[\d']*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)[a-zA-Z]*
      |[A-Za-z_]\w*
      |<=>|->\*|<<=|>>=|\.\.\.|->|\+\+|--|::|&&|\|\||[-+*/%&|^!=<>]=|<<|[^\s]''',
    re.X | re.S | re.M)

# What is inside these calls is text for people, or only saves time.
QUIET_CALLS = re.compile(r'^(fail\w*|assert|static_assert|text_of|printable|reserve|sizeof|alignof|decltype|noexcept|alignas|refuse\w*)$')
QUIET_LINE = re.compile(r'prefetch|^\s*(template|using|namespace|#)\b|operator')

BINARY = {
    '+': ['minus', 'left', 'right'], '-': ['plus', 'swapped_minus', 'left'], '*': ['over', 'plus', 'left', 'right'],
    '/': ['times', 'swapped_over', 'left'], '%': ['left', 'over'], '<': ['less_equal', 'greater'],
    '<=': ['less', 'greater'], '>': ['greater_equal', 'less'], '>=': ['greater', 'less'], '==': ['not_equal'],
    '!=': ['equal'],
}
SIGN = {'minus': '-', 'plus': '+', 'times': '*', 'over': '/', 'less': '<', 'less_equal': '<=', 'greater': '>',
        'greater_equal': '>=', 'equal': '==', 'not_equal': '!=', 'swapped_minus': 'operands of - swapped',
        'swapped_over': 'operands of / swapped', 'left': 'right operand dropped', 'right': 'left operand dropped'}
ASSIGN = {'+=': '-=', '-=': '+=', '*=': '/=', '/=': '*=', '|=': '=', '&=': '='}
OPEN, CLOSE = {'(': ')', '[': ']', '{': '}'}, {')', ']', '}'}


class Token:
    def __init__(self, text, start):
        self.text, self.start, self.end = text, start, start + len(text)
        self.quiet = False  # not to be changed
        self.pair = None    # the index of the bracket that belongs to it


class Point:
    """One change: edits are (position, length, replacement with {n} for the number of the switch)."""

    def __init__(self, file, line, code, kind, change, edits):
        self.file, self.line, self.code, self.kind, self.change, self.edits = file, line, code, kind, change, edits
        self.key = None


def is_word(token):
    return re.match(r'[A-Za-z_]', token.text) is not None


def is_number(token):
    return token.text[0].isdigit() or (token.text[0] == '.' and len(token.text) > 1 and token.text[1].isdigit())


def tokens_of(text):
    tokens = [Token(m.group(), m.start()) for m in TOKEN.finditer(text)]
    tokens = [t for t in tokens if not t.text.startswith(('//', '/*')) and not t.text.lstrip().startswith('#')]
    stack = []
    for i, t in enumerate(tokens):
        if t.text in OPEN:
            stack.append(i)
        elif t.text in CLOSE and stack:
            j = stack.pop()
            t.pair, tokens[j].pair = j, i
    mark_templates(tokens, text)
    mark_quiet(tokens, text)
    return tokens


def mark_templates(tokens, text):
    """Everything between template brackets is quiet. A comparison has spaces around it, a bracket none."""
    stack = []
    for i, t in enumerate(tokens):
        if t.text == '<' and i and tokens[i - 1].end == t.start and is_word(tokens[i - 1]) or (
                t.text == '<' and i and tokens[i - 1].text == 'template'):
            stack.append(i)
        elif t.text in ('>', '>>') and stack and (tokens[i - 1].end == t.start):
            for _ in range(min(len(t.text), len(stack))):
                first = stack.pop()
                for k in range(first, i + 1):
                    tokens[k].quiet = True
        elif t.text in (';', '{') and stack:
            stack.clear()


def mark_quiet(tokens, text):
    for i, t in enumerate(tokens):
        if t.text == '(' and i and QUIET_CALLS.match(tokens[i - 1].text) and t.pair:
            for k in range(i - 1, t.pair + 1):
                tokens[k].quiet = True
        if t.text == '(' and i and tokens[i - 1].text == 'constexpr' and t.pair:  # if constexpr (...)
            for k in range(i, t.pair + 1):
                tokens[k].quiet = True
        if t.text in ('template', 'using', 'static_assert', 'requires'):
            for k in range(i, len(tokens)):
                tokens[k].quiet = True
                if tokens[k].text in (';', '{', '>'):
                    break
        if t.text == 'constexpr' and tokens[i - 1].text != 'if':  # a constant, not a function
            for k in range(i, len(tokens)):
                if tokens[k].text in ('(', ';'):
                    break
                if tokens[k].text in ('=', '{', '['):
                    end = k
                    while end < len(tokens) and tokens[end].text != ';':
                        end = tokens[end].pair + 1 if tokens[end].text in OPEN and tokens[end].pair else end + 1
                    for m in range(i, min(end, len(tokens))):
                        tokens[m].quiet = True
                    break
        if t.text == 'case':
            for k in range(i, len(tokens)):
                tokens[k].quiet = True
                if tokens[k].text == ':':
                    break
        if t.text == 'enum':
            for k in range(i, len(tokens)):
                tokens[k].quiet = True
                if tokens[k].text == ';':
                    break


def ends_operand(token):
    return (is_word(token) and token.text not in ('return', 'case', 'else', 'operator', 'throw')) or is_number(
        token) or token.text in (')', ']')


def spaced(text, t):
    return text[t.start - 1].isspace() and text[t.end].isspace()


def extent_back(tokens, i):
    """The first token of the operand of && or || that ends before i, or None."""
    k = i - 1
    while k >= 0:
        t = tokens[k]
        if t.text in CLOSE:
            if t.text == '}' or t.pair is None:
                return None
            k = t.pair - 1
            continue
        if t.text in ('(', '[', '{', ',', ';', '?', ':', '&&', '||', '=', 'return') or t.text in ASSIGN:
            return k + 1
        k -= 1
    return None


def extent_forward(tokens, i):
    """The last token of the operand that begins after i."""
    k = i + 1
    while k < len(tokens):
        t = tokens[k]
        if t.text in OPEN:
            if t.pair is None:
                return None
            k = t.pair + 1
            continue
        if t.text in (')', ']', '}', ',', ';', '?', ':', '&&', '||'):
            return k - 1
        k += 1
    return None


def number_changes(text):
    m = re.match(r"^(0[xX][\da-fA-F']+|[\d'.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)$", text)
    if not m or text[:2] in ('0x', '0X'):
        return []
    body, suffix = m.group(1).replace("'", ''), m.group(2)
    if re.match(r'^\d+$', body):
        value = int(body)
        return [str(v) + suffix for v in ([1] if value == 0 else [0, 2] if value == 1 else [value + 1, value - 1])]
    value = float(body)
    out = [1.0] if value == 0 else [0.0, value * 2] if value != 0.5 else [1.0, 0.25]
    return [repr(v) + suffix for v in out]


def call_statement(tokens, i):
    """The index of the ; if a statement that only calls or assigns begins at i, and which of the two."""
    if i == 0 or tokens[i - 1].text not in ('{', '}', ';') or not is_word(tokens[i]):
        return None
    if tokens[i].text in ('return', 'if', 'for', 'while', 'do', 'switch', 'throw', 'break', 'continue', 'delete',
                          'namespace', 'else', 'default', 'public', 'private', 'struct', 'class', 'enum', 'goto',
                          'extern', 'static', 'const', 'auto', 'try', 'catch', 'friend', 'constexpr', 'inline'):
        return None
    k, kind = i + 1, None
    while k < len(tokens):
        t = tokens[k].text
        if t in ('.', '->', '::') and is_word(tokens[k + 1]):
            k += 2
        elif t == '[' and tokens[k].pair:
            k = tokens[k].pair + 1
        elif t == '(' and tokens[k].pair:
            if QUIET_CALLS.match(tokens[k - 1].text):
                return None
            k, kind = tokens[k].pair + 1, 'call'
        elif t == '=' or t in ASSIGN:
            kind = 'assignment'
            while k < len(tokens) and tokens[k].text != ';':
                k = tokens[k].pair + 1 if tokens[k].text in OPEN and tokens[k].pair else k + 1
            return k, kind
        elif t == ';' and kind:
            return k, kind
        else:
            return None
    return None


def alternatives(text, tokens, i):
    """All (kind, change, edits) that token i offers."""
    t, prev, nxt = tokens[i], tokens[i - 1] if i else None, tokens[i + 1] if i + 1 < len(tokens) else None
    if not prev or not nxt:
        return []
    out, beside_text = [], prev.text[0] == '"' or nxt.text[0] == '"'
    whole = (t.start, len(t.text))
    if t.text in BINARY and spaced(text, t) and ends_operand(prev) and not beside_text:
        kind = 'bound' if t.text[0] in '<>=!' else 'sign'
        for to in BINARY[t.text]:
            which = {'left': 'dropped term', 'right': 'dropped term', 'swapped_minus': 'operand',
                     'swapped_over': 'operand'}.get(to, kind)
            out.append((which, f'{t.text} -> {SIGN[to]}',
                        [(*whole, f'{t.text} mutation::Op<mutation::To::{to}, {{n}}>{{{{}}}} {t.text}')]))
    elif t.text in ASSIGN and spaced(text, t) and not beside_text:
        out.append(('sign', f'{t.text} -> {ASSIGN[t.text]}', [(*whole, f'{t.text} mutation::Assign<{{n}}>{{{{}}}} {t.text}')]))
    elif t.text in ('-', '!') and not spaced(text, t) and not ends_operand(prev) and nxt.start == t.end:
        name = 'Minus' if t.text == '-' else 'Not'
        out.append(('sign' if t.text == '-' else 'flag', f'{t.text} dropped', [(*whole, f'mutation::{name}<{{n}}>{{{{}}}}->*')]))
    elif t.text in ('&&', '||') and spaced(text, t):
        first, last = extent_back(tokens, i), extent_forward(tokens, i)
        gate = 'mutation::on({n}) || ' if t.text == '&&' else '!mutation::on({n}) && '
        for side, a, b in (('left', first, i - 1), ('right', i + 1, last)):
            if a is not None and b is not None and a <= b:
                out.append(('dropped term', f'{side} operand of {t.text} dropped',
                            [(tokens[a].start, 0, f'({gate}('), (tokens[b].end, 0, '))')]))
    elif t.text in ('true', 'false'):
        other = 'false' if t.text == 'true' else 'true'
        out.append(('flag', f'{t.text} -> {other}', [(*whole, f'mutation::pick<{{n}}>({t.text}, {other})')]))
    elif is_number(t):
        for other in number_changes(t.text):
            negative = prev.text == '-' and not ends_operand(tokens[i - 2])
            in_place = prev.text in ('(', ',') or negative
            out.append(('axis' if in_place and t.text in ('0', '1', '2') else 'constant', f'{t.text} -> {other}',
                        [(*whole, f'mutation::pick<{{n}}>({t.text}, {other})')]))
    elif t.text == '(' and is_word(prev) and t.pair == i + 4 and is_word(nxt) and tokens[i + 2].text == ',' and is_word(
            tokens[i + 3]) and nxt.text != tokens[i + 3].text and not {nxt.text, tokens[i + 3].text} & {'true', 'false', 'nullptr', 'this'}:
        a, b = nxt, tokens[i + 3]
        out.append(('operand', f'arguments ({a.text}, {b.text}) swapped',
                    [(a.start, len(a.text), f'(mutation::on({{n}}) ? {b.text} : {a.text})'),
                     (b.start, len(b.text), f'(mutation::on({{n}}) ? {a.text} : {b.text})')]))
    elif is_word(t):
        statement = call_statement(tokens, i)
        if statement:
            out.append(('dropped term', f'{statement[1]} dropped', [(t.start, 0, 'if (!mutation::on({n})) ')]))
    return out


def condition_holds(condition, macros):
    """What an #if about the processor says; None for other conditions."""
    known = re.sub(r'defined\((\w+)\)', r'\1', condition).replace('XSIMD_WITH_AVX512F', '__AVX512F__')
    known = re.sub(r'__\w+__', lambda m: str(m.group() in macros), known)
    known = known.replace('&&', ' and ').replace('||', ' or ').replace('!', ' not ')
    if re.sub(r'True|False|and|or|not|[()\s]', '', known):
        return None
    return bool(eval(known))  # nothing but these words is left


def inactive_lines(lines, macros):
    """The lines (from 0) that are not compiled for this processor."""
    out, stack = set(), []
    for i, line in enumerate(lines):
        directive = re.match(r'\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)', line)
        if directive:
            word, rest = directive.groups()
            if word == 'if':
                stack.append(condition_holds(rest, macros))
            elif word in ('ifdef', 'ifndef'):
                stack.append(None)
            elif word == 'endif' and stack:
                stack.pop()
            elif stack:
                stack[-1] = None if word == 'elif' or stack[-1] is None else not stack[-1]
        elif False in stack:
            out.add(i)
    return out


def points_of(file, text, seed, macros):
    """All points of a file, one change per token, chosen by the seed; each with a key that survives edits elsewhere."""
    lines = text.split('\n')
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    tokens, seen, points, line = tokens_of(text), {}, [], 0
    inactive = inactive_lines(lines, macros)
    for i, t in enumerate(tokens):
        while starts[line + 1] <= t.start:
            line += 1
        if t.quiet or line in inactive or QUIET_LINE.search(lines[line]):
            continue
        choices = alternatives(text, tokens, i)
        if not choices:
            continue
        code = lines[line].strip()
        place = (code, t.text)
        seen[place] = seen.get(place, 0) + 1
        identity = f'{seed}|{file}|{code}|{t.text}|{seen[place]}'
        digest = hashlib.sha256(identity.encode()).hexdigest()
        kind, change, edits = choices[int(digest[-8:], 16) % len(choices)]
        point = Point(file, line + 1, code, kind, change, edits)
        point.occurrence, point.key = seen[place], digest[:16]
        points.append(point)
    return points


def overlapping(edits, taken):
    """Whether a change would touch text that another one in the same program replaces."""
    return any(s < p + max(l, 1) and p < s + max(m, 1) for p, l, _ in edits for s, m in taken)


def with_switches(text, numbered):
    """The text with every (number, point) behind its switch."""
    edits = sorted(((p, l, r.format(n=n), order) for order, (n, point) in enumerate(numbered) for p, l, r in point.edits),
                   key=lambda e: (e[0], e[3]), reverse=True)
    for position, length, replacement, _ in edits:
        text = text[:position] + replacement + text[position + length:]
    return text
