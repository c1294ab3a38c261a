#!/usr/bin/env python3
"""show-refs, show-backrefs, show-chain: the drawing's nodes, edges, colours and words, read back by Graphviz's own parser."""
import json, os, random, re, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'tools'))
from verdict import *

MKDUMP = O + '/tests/tools/mkdump'
os.chdir(TMP)


def dump(text, file='x.rgd'):
    subprocess.run([MKDUMP, '-o', file], input=text.encode(), check=True)
    return file


def rg(*args, status=0, env=None):
    p = subprocess.run([REFGRAPH, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    if status is not None and p.returncode != status:
        judge('status of ' + ' '.join(map(str, args)), False, '%d: %s' % (p.returncode, p.stderr.decode()))
    return p


PARSE = r'''
BEG_G { print("G\t", $G.name, "\t", $G.directed); }
N { print("N\t", $.name, "\t", $.label, "\t", $.fillcolor, "\t", $.fontcolor, "\t", $.shape, "\t", $.color, "\t",
    hasAttr($, "URL") ? aget($, "URL") : "", "\t", $.style); }
E { print("E\t", $.tail.name, "\t", $.head.name, "\t", $.label, "\t", $.style, "\t", $.color, "\t", $.weight); }
'''


def parse(dot):
    """nodes: name -> (label, fill, font, shape, color, url, style), edges: sorted [(tail, head, label, style, color, weight)]"""
    p = subprocess.run(['gvpr', PARSE], input=dot, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    nodes, edges, graph = {}, [], None
    for line in p.stdout.decode().splitlines():
        kind, *fields = line.split('\t')
        if kind == 'N':
            nodes[fields[0]] = tuple(fields[1:])
        elif kind == 'E':
            edges.append(tuple(fields))
        else:
            graph = fields
    assert graph == ['ObjectGraph', '1'], graph
    return nodes, sorted(edges)


def draw(*args, **kw):
    return parse(rg(*args, **kw).stdout)


def plain(edges):
    return [(t, h, l) for t, h, l, *_ in edges]


HEAD = '''runtime python 3.11.7
type dict module=builtins runtime=python flags=gc
type OBJ module=__main__ runtime=python flags=gc,heap
type DEL module=__main__ runtime=python flags=gc,heap,finalizer
type module module=builtins runtime=python flags=gc,is_module
type list module=builtins runtime=python flags=gc
type str module=builtins runtime=python
'''
name = lambda n: 'o%d' % (0x10000 + 64 * n)   # mkdump's addresses

# ---- the example of the front page: an attribute that refers to its own object
dump(HEAD + '''object o OBJ rc=1
edge o o attr=attr
''')
nodes, edges = draw('show-backrefs', 'OBJ[0]', '--max-depth', 5, 'x.rgd')
equal('self: nodes', nodes, {name(0): ('OBJ', '0,0,1', 'red', 'box', 'black', '', 'filled')})
equal('self: edges', edges, [(name(0), name(0), 'attr', 'solid', 'black', '2')])
p = rg('show_backrefs', 'OBJ[0]', '--max-depth=5', '--filename', 'direct.dot', 'x.rgd')
equal('self: to a file', p.stdout, b'Graph written to direct.dot (1 nodes)\n')
equal('self: the same in the file', parse(open('direct.dot', 'rb').read()), (nodes, edges))

# ---- colours, shades, stubs, words
dump(HEAD + '''object m module rc=3 prop.name=__main__
object d dict rc=2 gen=2 size=232 prop.length=3
object o DEL rc=2 size=48 prop.repr=hello
object od dict rc=1 prop.length=1
repeat 3
object x{i} list rc=1 prop.length=2
edge x{i} o index=0
edge x{i} o index=1
end
edge m d part=__dict__
edge d o key=obj
edge o od part=__dict__
edge od o key=attr
root module __main__ m
''')
nodes, edges = draw('show-backrefs', 'DEL', '--too-many', 3, '--refcounts', '--no-shortnames', '--highlight', 'type == dict', 'x.rgd')
m, d, o, od, x0, x1, x2 = map(name, range(7))
equal('look: nodes', nodes, {
    o: ('__main__.DEL [2]\\nhello', '0,0,1', 'red', 'box', 'black', '', 'filled'),
    o + '_has_a_del': ('__del__', '0,.5,1', 'black', 'doublecircle', 'red', '', 'filled'),
    'too_many_' + o: ('2 more backreferences', '0,1,0.766667', 'white', 'box', 'red', '', 'filled'),
    d: ('builtins.dict [2]\\n3 items', '0.6,0.6,0.883333', 'black', 'box', 'black', '', 'filled'),
    od: ('builtins.dict [1]\\n1 items', '0.6,0.6,0.883333', 'black', 'box', 'black', '', 'filled'),
    x0: ('builtins.list [1]\\n2 items', '0,0,0.766667', 'black', 'box', 'black', '', 'filled'),
    m: ('builtins.module [3]\\n__main__', '0.3,1,0.533333', 'black', 'box', 'black', '', 'filled'),
})
equal('look: edges', edges, sorted([
    (d, o, 'obj', 'solid', 'black', '2'), (od, o, 'attr', 'solid', 'black', '2'), (o, od, '__dict__', 'solid', 'black', '10'),
    (x0, o, '[0]\\n[1]', 'solid', 'black', '1'), (m, d, '__dict__', 'solid', 'black', '10'),
    (o, o + '_has_a_del', '', 'dotted', 'red', '10'), ('too_many_' + o, o, '', 'dotted', 'red', '10')]))
nodes, edges = draw('show-backrefs', 'DEL', '--max-depth', 1, 'x.rgd')
equal('look: the last step is dark, its text white', nodes[d][1:3], ('0,0,0.3', 'white'))
nodes, edges = draw('show-refs', 'module', '--max-depth', 0, 'x.rgd')
equal('look: depth 0', (nodes, edges), ({m: ('module\\n__main__', '0.3,1,1', 'red', 'box', 'black', '', 'filled')}, []))
nodes, edges = draw('show-refs', 'module', '--max-depth', 1, 'x.rgd')
equal('look: modules are expanded forwards', plain(edges), [(m, d, '__dict__')])
nodes, edges = draw('show-backrefs', 'DEL', '--extra-ignore', '%s,list[0]' % hex(0x10000 + 64), 'x.rgd')
equal('extra-ignore', sorted(set(nodes) - {o + '_has_a_del'}), sorted([o, od, x1, x2]))
nodes, edges = draw('show-backrefs', 'DEL', '--filter', 'type != list', '--too-many', 1, 'x.rgd')
equal('filter: vanish uncounted', nodes['too_many_' + o][0], '1 more backreferences')
nodes, _ = draw('show-refs', 'dict[0]', '--max-depth', 0, '--extra-info', 'size,refcount,generation,id,address', 'x.rgd')
equal('extra-info', nodes[d][0], 'dict\\n3 items\\n232 bytes\\nrefcount 2\\ngeneration 2\\nid 1\\n0x10040')
nodes, _ = draw('show-refs', 'dict[0]', '--max-depth', 0, '--extra-node-attrs', 'URL=http://h/{id}?t={type},penwidth=2', 'x.rgd')
equal('extra-node-attrs', nodes[d][5], 'http://h/1?t=dict')
p = rg('show-refs', 'dict[0]', '--extra-info', 'size,colour', 'x.rgd', status=2)
judge('extra-info: unknown field', b"--extra-info: there is no field 'colour'; there are: size, retained, refcount," in p.stderr, p.stderr)
p = rg('show-refs', 'dict[0]', '--extra-node-attrs', 'URL={nope}', 'x.rgd', status=2)
judge('extra-node-attrs: unknown field', b"there is no field 'nope'" in p.stderr, p.stderr)
rg('show-refs', 'dict[0]', '--filter', 'size >', 'x.rgd', status=2)
rg('show-refs', 'dict[0]', '--highlight', 'colour == 3', 'x.rgd', status=2)
p = rg('show-refs', 'dict[0]', '-o', 'a.dot', '--filename', 'b.dot', 'x.rgd', status=2)
judge('one file name only', b'--filename and --output are the same thing' in p.stderr, p.stderr)
lines = [json.loads(l) for l in rg('show-backrefs', 'DEL', '--max-depth', 1, '--too-many', 1, '--json', 'x.rgd').stdout.decode().splitlines()]
equal('json', lines, [
    {'kind': 'node', 'name': o, 'label': 'DEL\nhello', 'depth': 0, 'start': True, 'module': False, 'highlighted': False, 'finalizer': True, 'more': 4, 'count': 1},
    {'kind': 'node', 'name': d, 'label': 'dict\n3 items', 'depth': 1, 'start': False, 'module': False, 'highlighted': False, 'finalizer': False, 'more': 0, 'count': 1},
    {'kind': 'edge', 'from': d, 'to': o, 'label': 'obj', 'reference': 'strong'}])

dump(HEAD + '''object m module rc=3 prop.name=app size=56
object d dict rc=2 size=232
object o OBJ rc=2 size=48
object od dict rc=1 size=64
object garbage list rc=1 size=9
object zero list rc=1 size=0
edge m d part=__dict__
edge d o key=obj
edge d zero key=z
edge o od part=__dict__
edge od o attr=back
edge garbage o index=0
root module app m
''')
nodes, _ = draw('show-refs', 'module', 'list[0]', '--extra-info', 'retained', 'x.rgd')
equal('extra-info: retained', [nodes[name(i)][0].split('\\n')[-1] for i in range(6)],
      ['retained 400 bytes', 'retained 344 bytes', 'retained 112 bytes', 'retained 64 bytes', 'unreachable', 'retained 0 bytes'])

for refcount, word, want in (1, 'refuted by the refcount', 300), (2, 'that may be true', 100), (0, 'to what has no refcount', 100):
    dump(HEAD + '''object m module rc=1 prop.name=app size=100
object d dict rc=%d size=200
module app /bin/app base=0x1000
edge m d part=__dict__
root module app m kind=strong
root global "" d owner=1 value=8 kind=conservative
''' % refcount)
    nodes, _ = draw('show-refs', 'module', '--extra-info', 'retained', 'x.rgd')
    equal('retained: a guess ' + word, nodes[name(0)][0].split('\\n')[-1], 'retained %d bytes' % want)

# ---- what a collector does not see is not in its picture; a wider universe has it, in other strokes
dump(HEAD + '''type node module= runtime=native
object o OBJ rc=2
object s str rc=1
object n node size=40
object w list rc=1
object u str rc=1
module app /bin/app base=0x1000
edge o s attr=text
edge o n offset=16 kind=internal traversed=0
edge n o offset=8 kind=conservative
edge w o kind=weak traversed=0
edge u o attr=odd
edge w o kind=borrowed traversed=0 attr=b
edge n n offset=24 kind=borrowed
root global g_cache n owner=1 value=0x20
root stack "" o value=0x7ffc0000 kind=conservative
root stack "" o value=0x7ffc0008 kind=conservative
''')
o, s, n, w, u = map(name, range(5))
nodes, edges = draw('show-backrefs', 'OBJ', 'x.rgd')
equal('gc: no native, weak, untracked referrers', (sorted(nodes), edges), ([o], []))
nodes, edges = draw('show-refs', 'OBJ', 'x.rgd')
equal('gc: untracked referents are drawn', plain(edges), [(o, s, 'text')])
nodes, edges = draw('show-backrefs', 'OBJ', '--universe', 'all', 'x.rgd')
roots = {nodes[k][0]: k for k in nodes if k.startswith('root_')}
equal('all: objects', sorted(k for k in nodes if k[0] == 'o'), sorted([o, n, w, u]))
equal('all: two roots, two slots of one stack are one', len(roots), 2)
judge('all: the global has its name', any('g_cache' in label for label in roots), roots)
judge('all: roots are ellipses', all(nodes[k][3] == 'ellipse' for k in roots.values()), nodes)
style = {(t, h): (st, c) for t, h, l, st, c, wt in edges}
equal('all: conservative is dotted', style[n, o], ('dotted', 'black'))
equal('all: borrowed beats weak', style[w, o], ('dashed', 'gray55'))
equal('all: a stack is conservative', style[[k for l, k in roots.items() if 'g_cache' not in l][0], o], ('dotted', 'black'))
nodes, edges = draw('show-refs', 'OBJ', '--universe', 'all', 'x.rgd')
style = {(t, h): (st, c) for t, h, l, st, c, wt in edges}
equal('all: own storage is grey', style[o, n], ('solid', 'gray55'))
equal('all: forwards only the roots of the start', [k for k in nodes if k.startswith('root_')], ['root_0'])

# what explains a refcount leaves no room for guesses; what does not, does
dump(HEAD + '''object o OBJ rc=1
object explained list rc=1
object held dict rc=2
object forgotten dict rc=2
object forever list rc=1000000 flags=tracked,inspected,immortal
edge explained o index=0
edge held explained key=a
edge forgotten o key=b
edge forgotten held key=c
edge forever o index=1
module app /bin/app base=0x1000
root local x held context="main() t.py:3"
root global "" explained owner=1 value=0x20 kind=conservative
root stack "" held value=0x7ffc0000 kind=conservative
root global "" forgotten owner=1 value=0x28 kind=conservative
root global "" forever owner=1 value=0x30 kind=conservative
root region "" o value=0x7f0000000000 kind=conservative
root region "" o value=0x7f0000001000 kind=conservative
''')
nodes, edges = draw('show-backrefs', 'OBJ', '--universe', 'all', 'x.rgd')
o, explained, held, forgotten, forever = map(name, range(5))
held_by = sorted((nodes[t][0], h, st) for t, h, l, st, c, wt in edges if t.startswith('root_'))
equal('all: guesses only where a refcount has room', [(h, st) for _, h, st in held_by],
      [(forgotten, 'dotted'), (held, 'solid'), (o, 'dotted')])
equal('all: the names of roots', [n for n, *_ in held_by][1:], ['local x of main() t.py:3', 'mapped memory'])

# ---- any name
for text, want in [('quo"te', 'quo\\"te'), ('back\\slash', 'back\\\\\\\\slash'), ('<b>html</b>', '<b>html</b>'), ('ünï ☃', 'ünï ☃'),
                   ('ends\\', 'ends\\\\\\\\'), ('\\"', '\\\\\\\\\\"'), ('{a|b}', '{a|b}'), ('\\N \\G', '\\\\\\\\N \\\\\\\\G')]:
    quoted = '"%s"' % text.replace('\\', '\\\\').replace('"', '\\"')
    dump(HEAD + 'object o OBJ rc=1 prop.name=%s\nobject p OBJ rc=1\nedge p o attr=%s\ntype %s runtime=python flags=gc\nobject q %s\nedge q o attr=x\n' % ((quoted,) * 4))
    raw = rg('show-backrefs', 'OBJ[0]', 'x.rgd').stdout
    judge('name %s: in the text' % text, ('label="%s"' % want.replace('\\\\\\\\', '\\\\')).encode() in raw or ('label=%s' % want).encode() in raw, raw)
    svg = subprocess.run(['dot', '-Tsvg'], input=raw, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    shown = text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;').replace('"', '&quot;')
    judge('name %s: as the picture shows it' % text, svg.stdout.decode().count('>%s<' % shown) == 3 and not svg.stderr, svg.stdout.decode())
dump(HEAD + 'object o OBJ rc=1 prop.name="a\\nb\\x1b[31mc"\n')
nodes, _ = draw('show-refs', 'OBJ', 'x.rgd')
equal('control characters are shown, not sent', nodes[name(0)][0], 'OBJ\\na\\\\nb\\\\x1b[31mc')

# ---- against a second, naive implementation of objgraph's rules


def oracle(start, edges_of, backwards, max_depth, too_many, passes, culled):
    """edges_of(node): neighbours in order, parallel ones each (forwards) or once (backwards)"""
    depth, queue, drawn, more = {start: 0}, [start], [], {}
    while queue:
        node = queue.pop(0)
        if depth[node] >= max_depth or culled(node):
            continue
        count = 0
        for other in edges_of(node):
            if not passes(other):
                continue
            if count >= too_many:
                more[node] = more.get(node, 0) + 1
                continue
            drawn.append((other, node) if backwards else (node, other))
            if other not in depth:
                depth[other] = depth[node] + 1
                queue.append(other)
            count += 1
    return depth, sorted(drawn), more


def shade(depth, max_depth):
    return '%g' % (1 - 0.7 * depth / max_depth)


bad = []
for seed in range(60):
    r = random.Random(seed)
    count, arcs = r.randint(1, 40), []
    for _ in range(r.randint(0, 120)):
        arcs.append((r.randrange(count), r.randrange(count)))
    modules = {i for i in range(count) if r.random() < .1}
    text = HEAD + ''.join('object n%d %s rc=1 size=%d%s\n' % (i, 'module' if i in modules else 'list', 16 + i, ' prop.name=m%d' % i if i in modules else '')
                          for i in range(count))
    text += ''.join('edge n%d n%d attr=e%d\n' % (a, b, i) for i, (a, b) in enumerate(arcs))
    text += ''.join('root module m%d n%d\n' % (i, i) for i in modules)
    dump(text, 'r.rgd')
    for backwards in (False, True):
        start, depth, many = r.randrange(count), r.randint(1, 6), r.randint(0, 4)
        limit = r.choice([0, 16 + count // 2])
        if backwards:
            near = lambda v: sorted({a for a, b in arcs if b == v})
        else:
            near = lambda v: [b for a, b in arcs if a == v]
        want = oracle(start, near, backwards, depth, many, lambda v: not limit or 16 + v < limit, lambda v: backwards and v in modules)
        options = ['--filter', 'size < %d' % limit] if limit else []
        nodes, edges = draw('show-backrefs' if backwards else 'show-refs', '#%d' % start, '--max-depth', depth, '--too-many', many, 'r.rgd', *options)
        number = {name(i): i for i in range(count)}
        got_depth = {number[k]: nodes[k][1].split(',')[2] for k in nodes if k in number}
        got_edges = sorted((number[t], number[h]) for t, h, *_ in edges if t in number and h in number)
        got_more = {number[k[9:]]: int(nodes[k][0].split()[0]) for k in nodes if k.startswith('too_many_')}
        if got_depth != {k: shade(v, depth) for k, v in want[0].items()} or got_edges != want[1] or got_more != want[2]:
            bad.append((seed, backwards, got_edges, want))
judge('120 random graphs', not bad, bad[:1])

# ---- chains
text = HEAD + '''object m module rc=1 prop.name=app
object d dict rc=1
object a list rc=1
object b list rc=1
object o OBJ rc=3
object other list rc=1
edge m d part=__dict__
edge d a key=a
edge a b index=0
edge b o index=3
edge o other attr=x
edge other o index=0
edge d other key=other
root module app m
'''
dump(text)
m, d, a, b, o, other = map(name, range(6))
nodes, edges = draw('show-chain', 'OBJ', 'x.rgd')
equal('chain: the shortest', plain(edges), sorted([(m, d, '__dict__'), (d, other, 'other'), (other, o, '[0]'), (o, other, 'x')]))
equal('chain: shades run over its length', [nodes[k][1].split(',')[2] for k in (o, other, d, m)], ['1', '0.766667', '0.533333', '0.3'])
equal('chain: starts at the object', nodes[o][2], 'red')
nodes, edges = draw('show-chain', 'OBJ', '--extra-ignore', 'list[2]', 'x.rgd')
equal('chain: around what is ignored', plain(edges), sorted([(m, d, '__dict__'), (d, a, 'a'), (a, b, '[0]'), (b, o, '[3]')]))
nodes, edges = draw('show-chain', 'module', '--no-backrefs', '--predicate', 'type == OBJ', 'x.rgd')
equal('chain: forwards', (nodes[m][2], sorted(nodes)), ('red', sorted([m, d, other, o])))
p = rg('show-chain', 'OBJ', '--max-depth', 2, 'x.rgd')
judge('chain: none found', b'no chain for #4 within --max-depth 2' in p.stderr and sorted(parse(p.stdout)[0]) == [o], p.stderr)
equal('chain: several', sorted(draw('show-chain', 'OBJ', 'list[1]', 'x.rgd')[0]), sorted([m, d, a, b, o, other]))

# ---- many: a picture is made small before it is laid out, and says how
dump(HEAD + '''object table dict rc=1 size=0
repeat 3000
object x{i} OBJ rc=1 size={i}
object y{i} list rc=1 size=0
edge table x{i} key=k{i}
edge x{i} y{i} attr=y
edge y{i} x{i} index=0
end
repeat 100
type T{i} module=app runtime=python flags=gc,heap
object t{i} T{i} rc=1 size=0
edge table t{i} key=t{i}
end
module app /bin/app base=0x1000
root global g_table table owner=1 value=0x20
''', 'many.rgd')
p = rg('show-backrefs', 'OBJ', 'many.rgd', '-T', 'svg')
svg = p.stdout.decode()
boxes = [''.join(re.findall('<text[^>]*>([^<]*)<', n)) for n in re.findall('<g id="node.*?</g>', svg, re.S)]
equal('many: what is drawn', sorted(boxes), ['3000 x OBJ4.3 MiB', '3000 x list0 bytes', 'dict'])
judge('many: their cycles are framed', re.search('<g id="clust1" class="cluster">.*?<text[^>]*>cycles: 6000 objects<', svg, re.S), svg[:2000])
judge('many: nothing was left out', p.stderr == b'', p.stderr)
p = rg('show-refs', 'dict', 'many.rgd', '-T', 'svg', '--too-many', 9999)
rule = 'the 80 nearest of 103 boxes are drawn'
judge('many: the rule is said', rule in p.stderr.decode() and rule in p.stdout.decode(), p.stderr)
equal('many: so many boxes, and two stubs', p.stdout.count(b'<g id="node'), 82)
nodes, _ = draw('show-refs', 'dict', 'many.rgd', '--too-many', 9999)
equal('many: DOT text has them all', len(nodes), 6101)
raw = rg('show-refs', 'dict', 'many.rgd', '--too-many', 20).stdout
judge('many: more than fit side by side stand one above the other', b'rankdir=LR' in raw and b'rankdir' not in rg('show-refs', 'dict', 'many.rgd', '--too-many', 9).stdout, raw[:300])

# ---- the dominator tree
nodes, edges = draw('dominators', 'many.rgd', '-T', 'dot', '--min', 2998, '--limit', 3, '--legend')
legend = nodes.pop('legend')[0]
equal('dominators: boxes', {k: v[0] for k, v in nodes.items()}, {
    'roots': 'roots\\n4.3 MiB in 6101 objects', name(0): 'dict\\n4.3 MiB, 100.0 %, 6101 objects', 'too_many_' + name(0): '3098 more\\n4.3 MiB',
    name(5997): 'OBJ\\n2.9 KiB, 0.1 %, 2 objects', name(5999): 'OBJ\\n2.9 KiB, 0.1 %, 2 objects',
    'too_many_' + name(5997): '1 more references', 'too_many_' + name(5999): '1 more references'})
equal('dominators: lines', plain(edges), sorted([('roots', name(0), 'g_table in app'), (name(0), 'too_many_' + name(0), ''), *[(name(i), 'too_many_' + name(i), '') for i in (5997, 5999)],
                                              (name(0), name(5997), "['k2998']"), (name(0), name(5999), "['k2999']")]))
judge('dominators: what retains more is yellower', float(nodes[name(0)][1].split(',')[1]) > .6 > .1 > float(nodes[name(5997)][1].split(',')[1]), nodes)
equal('dominators: legend', re.findall(r'ALIGN="LEFT">([^<]*)<', legend), ['the larger and yellower, the more bytes would go with it',
      'a root: a global, a stack, a table of a runtime', 'what is not drawn', 'reference'])
text2 = HEAD + 'object head list rc=1\n' + ''.join('object n%d list rc=1 size=10\nedge %s n%d index=0\n' % (i, 'n%d' % (i - 1) if i else 'head', i) for i in range(9))
dump(text2 + 'object end dict rc=1 size=5\nedge n8 end index=0\nobject a OBJ rc=1 size=1\nobject b OBJ rc=1 size=1\nedge end a key=a\nedge a b attr=b\nmodule app /bin/app base=0x1000\nroot global g head owner=1 value=0x20\n', 'list.rgd')
nodes, edges = draw('dominators', 'list.rgd', '-T', 'dot', '--min', 0)
equal('dominators: a list is one box, two of a type are two', sorted(v[0].split('\\n')[0] for v in nodes.values()),
      ['OBJ', 'OBJ', 'a chain of 10 x list', 'dict', 'roots'])
equal('dominators: its lines', [l for t, h, l in plain(edges)], ['[0]', "['a']", '.b', 'g in app'])

# ---- legend
dump(text)
nodes, edges = draw('show-backrefs', 'OBJ', '--legend', 'x.rgd')
legend = re.findall(r'ALIGN="LEFT">([^<]*)<', nodes['legend'][0])
equal('legend: what is there', legend, ['what was asked for', 'the darker, the more steps away', 'a module', 'reference'])

# ---- pictures
for format, magic in [('svg', b'<?xml'), ('png', b'\x89PNG\r\n'), ('pdf', b'%PDF-')]:
    file = 'pic ture"ü.' + format
    rg('show-backrefs', 'OBJ', '-o', file, 'x.rgd')
    judge('picture by ending ' + format, open(file, 'rb').read().startswith(magic))
    judge('picture by -T ' + format, rg('show-backrefs', 'OBJ', '-T', format, 'x.rgd').stdout.startswith(magic))
rg('show-backrefs', 'OBJ', '-T', 'svg', '-o', 'named.dot', 'x.rgd')
judge('-T beats the ending', open('named.dot', 'rb').read().startswith(b'<?xml'))
rg('show-backrefs', 'OBJ', '-o', 'no-ending', 'x.rgd')
judge('no ending is DOT', open('no-ending', 'rb').read().startswith(b'digraph ObjectGraph'))
judge('-o - is standard output', rg('show-backrefs', 'OBJ', '-o', '-', 'x.rgd').stdout.startswith(b'digraph ObjectGraph'))
open('old.svg', 'w').write('old')
p = rg('show-backrefs', 'OBJ', '-o', 'old.svg', 'x.rgd', status=3, env={**os.environ, 'PATH': '/nonexistent'})
judge('no Graphviz: says so', b"Graphviz's program dot is not installed" in p.stderr, p.stderr)
equal('no Graphviz: the old file stays', open('old.svg').read(), 'old')
p = rg('show-backrefs', 'OBJ', '-o', 'x.nonsense', 'x.rgd', status=3)
judge('unknown format: says so', b'Graphviz\'s program dot failed: Format: "nonsense" not recognized' in p.stderr, p.stderr)
p = rg('show-backrefs', 'OBJ', '-T', '../x', 'x.rgd', status=2)
p = rg('show-backrefs', 'OBJ', '-o', '/no/such/folder/x.dot', 'x.rgd', status=3)
judge('unwritable: says so', b'/no/such/folder/x.dot' in p.stderr, p.stderr)
equal('nothing is left behind', sorted(f for f in os.listdir('.') if re.search(r'\.[A-Za-z0-9]{6}$', f) or 'nonsense' in f), [])
if os.path.exists('/dev/full'):
    p = rg('show-backrefs', 'OBJ', '-o', '/dev/full', '-T', 'dot', 'x.rgd', status=3)
    judge('full disk: says so', b'No space left on device' in p.stderr, p.stderr)
# a dot that crashes must not take the old picture with it
os.mkdir('bin')
open('bin/dot', 'w').write('#!/bin/sh\necho half a picture\nkill -SEGV $$\n')
os.chmod('bin/dot', 0o755)
p = rg('show-backrefs', 'OBJ', '-o', 'old.svg', 'x.rgd', status=3, env={**os.environ, 'PATH': TMP + '/bin:' + os.environ['PATH']})
judge('dot crashes: says so', b'was killed by signal 11' in p.stderr, p.stderr)
equal('dot crashes: the old file stays', open('old.svg').read(), 'old')

sys.exit(status())
