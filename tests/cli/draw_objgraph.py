#!/usr/bin/env python3
"""The same program drawn by objgraph inside of it and by refgraph from outside: the same nodes, colours, edges and names."""
import glob, json, os, shutil, subprocess, sys, textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'tools'))
from drawing import differences, parse
from verdict import *

os.chdir(TMP)

PROGRAM = textwrap.dedent(r'''
    import collections, functools, io, json, os, sys, types, weakref
    import objgraph

    class Plain: pass
    class Del:
        def __del__(self): pass
    class Slots: __slots__ = ('left', 'right', '__weakref__')
    class Meta(type): pass
    class WithMeta(metaclass=Meta):
        def method(self): return self
    class Big(Plain):
        def __init__(self): self.items = [Plain() for _ in range(25)]

    loop = Plain(); loop.attr = loop
    pair_a, pair_b = Plain(), Plain(); pair_a.other, pair_b.other = pair_b, pair_a
    with_del = Del(); with_del.me = with_del
    slots = Slots(); slots.left = slots.right = Plain()
    registry = {'one': Plain(), 'two words': Plain(), 3: Plain(), (4, 5): Plain()}
    twice = [loop, loop, None]
    bound = WithMeta().method
    def outer():
        captured = Plain()
        def inner(x=registry): return captured
        return inner
    closure = outer()
    lam = lambda: loop
    part = functools.partial(outer, key=loop)
    queue = collections.deque([loop, pair_a])
    weak = weakref.ref(loop)
    proxy_owner = Plain(); proxy_owner.weak = weakref.proxy(pair_a)
    members = {loop, pair_a}
    frozen = frozenset([pair_b])
    def generate():
        local = Plain()
        yield local
    generator = generate(); held = next(generator)
    big = Big()
    module = types.ModuleType('made_up'); module.value = loop
    prop = types.MappingProxyType(registry)
    nested = ([({'deep': [loop]},)],)

    # Without closures, argument tuples and other things that would hold the target while objgraph looks; the default
    # extra_ignore=() would hide the one empty tuple wherever it is, so it is a list here.
    def add(kind, target, max_depth, too_many=10**6, shortnames=True):
        text = io.StringIO()
        if kind == 'show_refs':
            objgraph.show_refs([eval(target)], max_depth=max_depth, too_many=too_many, shortnames=shortnames, extra_ignore=[], output=text)
        else:
            objgraph.show_backrefs([eval(target)], max_depth=max_depth, too_many=too_many, shortnames=shortnames, extra_ignore=[], output=text)
        options = dict(max_depth=max_depth, too_many=too_many, shortnames=shortnames)
        os.write(out, (json.dumps((kind, target, id(eval(target)), options, text.getvalue())) + '\n').encode())

    def draw():
        for target in TARGETS:
            for depth in (1, 2, 3):
                add('show_refs', target, depth)
            add('show_backrefs', target, 2)
            add('show_backrefs', target, 4)
        add('show_refs', 'big', 3, too_many=4)
        add('show_backrefs', 'Plain', 1, too_many=7)
        add('show_refs', 'loop', 2, shortnames=False)

    TARGETS = ['loop', 'pair_a', 'with_del', 'slots', 'registry', 'twice', 'bound', 'closure', 'lam', 'part', 'queue', 'weak',
               'proxy_owner', 'members', 'frozen', 'generator', 'held', 'module', 'nested', 'prop', 'WithMeta', 'Meta', 'outer']
    out = os.open('/dev/null', os.O_WRONLY)
    draw()      # once for whatever is made on first use
    os.dup2(os.open('objgraph.json', os.O_WRONLY | os.O_CREAT), out)
    draw()
    print('ready', os.getpid(), flush=True)
    sys.stdin.readline()
''')

def shape(drawing):
    """Which neighbours are drawn when they are too many depends on their order, which is the collector's; how many does not."""
    nodes, edges = drawing
    stubs = sorted(label for name, (label, *_) in nodes.items() if name.startswith('too_many'))
    return len(nodes), len(edges), stubs


def one(python, version):
    for old in 'objgraph.json', 'o.rgd':
        if os.path.exists(old):
            os.remove(old)
    open('program.py', 'w').write(PROGRAM)
    p = subprocess.Popen([REFGRAPH, 'run', '--', python, 'program.py'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         env={**os.environ, 'REFGRAPH_DIR': TMP})
    line = p.stdout.readline().split()
    if not line:
        judge('%s: program' % version, False, 'it did not start')
        return
    subprocess.run([REFGRAPH, 'snapshot', line[1].decode(), '-o', 'o.rgd'], check=True, stdout=subprocess.DEVNULL)
    p.communicate(b'\n')
    bad, count, drawn = {}, 0, []
    for kind, target, address, options, text in map(json.loads, open('objgraph.json')):
        args = ['--%s%s' % ('' if v is not False else 'no-', k.replace('_', '-')) + ('=%s' % v if not isinstance(v, bool) else '')
                for k, v in options.items()]
        q = subprocess.run([REFGRAPH, kind, hex(address), *args, 'o.rgd'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        count += 1
        if q.returncode:
            bad[kind, target, tuple(args)] = [q.stderr.decode()]
            continue
        drawn.append((kind, target, tuple(args), options, text, q.stdout))
    both = parse([d for *_, text, our_text in drawn for d in (text, our_text)])
    for (kind, target, args, options, *_), theirs, ours in zip(drawn, both[::2], both[1::2]):
        if options['too_many'] > 1000:
            found = differences(theirs, ours)
        else:
            found = [] if shape(theirs) == shape(ours) else ['%s, ours %s' % (shape(theirs), shape(ours))]
        if found:
            bad[kind, target, args] = found
    for key, found in bad.items():
        judge('%s: %s %s %s' % (version, key[0], key[1], ' '.join(key[2])), False, '%d differences: %s' % (len(found), '; '.join(found[:6])))
    judge('%s: %d of 118 drawings are alike' % (version, count - len(bad)), (count, len(bad)) == (118, 0))


def pythons():
    if os.environ.get('REFGRAPH_PYTHONS'):
        return os.environ['REFGRAPH_PYTHONS'].split()
    found = ['/usr/bin/python3']
    root = os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv')) + '/versions'
    for minor in range(8, 14):
        have = sorted(glob.glob('%s/3.%d.*/bin/python3' % (root, minor)))
        found += have[-1:]
    return found


LIBRARY = '/usr/lib/python3/dist-packages/objgraph.py'
if os.path.exists(LIBRARY):
    shutil.copy(LIBRARY, TMP) # one file, for every Python
    for python in pythons():
        one(python, python.replace('/bin/python3', '').split('/')[-1])
else:
    print('skip objgraph: %s is missing' % LIBRARY)
sys.exit(status())
