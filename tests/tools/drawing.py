"""Reads drawings through gvpr and tells what differs between objgraph's and ours, beyond what is better by intent."""
import subprocess

GVPR = r'''
BEG_G { print("G"); }
N { print("N\t", $.name, "\t", $.label, "\t", $.fillcolor, "\t", $.fontcolor, "\t", $.shape); }
E { print("E\t", $.tail.name, "\t", $.head.name, "\t", $.label); }
'''


def parse(drawings):
    """(nodes, edges) of each drawing, in the same order; one run of gvpr reads them all."""
    texts = [d.encode() if isinstance(d, str) else d for d in drawings]
    p = subprocess.run(['gvpr', GVPR], input=b'\n'.join(texts), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = []
    for line in p.stdout.decode().splitlines():
        kind, *f = line.split('\t')
        if kind == 'G':
            nodes, edges = {}, []
            out.append((nodes, edges))
        elif kind == 'N':
            nodes[f[0]] = (f[1], f[2], f[3] or 'black', f[4])
        else:
            edges.append(tuple(f))
    assert len(out) == len(texts), 'gvpr read %d of %d drawings' % (len(out), len(texts))
    return out


def differences(theirs, ours):
    """What differs, beyond what is better by intent: labels where objgraph has none, more names on an edge."""
    (nodes, edges), (our_nodes, our_edges) = theirs, ours
    out = []
    for name in sorted(set(nodes) | set(our_nodes)):
        if name not in our_nodes:
            out.append('missing node %s %s' % (name, nodes[name][0]))
        elif name not in nodes:
            out.append('extra node %s %s' % (name, our_nodes[name][0]))
        else:
            (label, *look), (our_label, *our_look) = nodes[name], our_nodes[name]
            if look != our_look:
                out.append('node %s %s looks %s, ours %s' % (name, label, look, our_look))
            if label.split('\\n')[0] != our_label.split('\\n')[0]:
                out.append('type of %s: %s, ours %s' % (name, label, our_label))
    pairs, our_pairs = sorted(e[:2] for e in edges), sorted(e[:2] for e in our_edges)
    for pair in sorted(set(pairs) | set(our_pairs)):
        if pairs.count(pair) != our_pairs.count(pair):
            names = ' -> '.join((our_nodes.get(n) or nodes.get(n) or '?')[0] for n in pair)
            out.append('%d edges, ours %d: %s %s' % (pairs.count(pair), our_pairs.count(pair), pair, names))
    labels, our_labels = {}, {}
    for store, list_ in (labels, edges), (our_labels, our_edges):
        for t, h, l in list_:
            store.setdefault((t, h), []).append(l)
    for pair, their in labels.items():
        for l in their:
            mine = our_labels.get(pair, [])
            # what a function lacks (__closure__ None) objgraph takes for a reference to None
            if nodes[pair[0]][0].startswith('function') and nodes[pair[1]][0].startswith('NoneType'):
                continue
            if l and '\\n' not in l and not any(l in m.split('\\n') for m in mine):
                out.append('label %s of %s, ours %s' % (l, [nodes[n][0] for n in pair], mine))
    return out
