#!/usr/bin/env python3
"""Graphs in text with questions and their answers. In a .txt file of this folder, mkdump makes the dump, and its comments hold
the cases:
    # $ count Node @           a command line of refgraph; @ is this file's dump, @other that of other.txt
    # ? 3                      its exit status, when not 0
    # > 17                     its output, line by line, exactly
    # ! text                   a line of its standard error that holds this text
All dumps of a folder are made first. A filter may be given: cases.py NAME."""
import glob, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd

HERE = os.path.dirname(os.path.abspath(__file__))


def split(line):
    """Words of a command line with 'quotes'."""
    import shlex
    return shlex.split(line)


def cases(path):
    found = []
    for line in open(path):
        line = line.rstrip("\n")
        if line.startswith("# $ "):
            found.append({"line": line[4:], "rc": 0, "out": [], "err": []})
        elif line.startswith("# ? "):
            found[-1]["rc"] = int(line[4:])
        elif line.startswith("# >"):
            found[-1]["out"].append(line[4:])
        elif line.startswith("# ! "):
            found[-1]["err"].append(line[4:])
    return found


def main():
    texts = sorted(glob.glob(HERE + "/*.txt"))
    dumps = {}
    for path in texts:
        name = os.path.basename(path)[:-4]
        dumps[name] = rgd.make(name + ".rgd", text=open(path).read())
    for path in texts:
        name = os.path.basename(path)[:-4]
        if sys.argv[1:] and sys.argv[1] not in name:
            continue
        for case in cases(path):
            args = [dumps[w[1:] or name] if w.startswith("@") else w for w in split(case["line"])]
            run = rgd.Run(args)
            title = "%s: %s" % (name, case["line"])
            out = run.out.replace(rgd.TMP + "/", "").rstrip("\n").split("\n") if run.out else []
            if run.rc != case["rc"]:
                rgd.fail(title, "exit status %s: %s" % (run.rc, run.err))
            elif out != case["out"]:
                rgd.fail(title, "got «%s», want «%s»" % ("\n".join(out), "\n".join(case["out"])))
            elif [e for e in case["err"] if e not in run.err]:
                rgd.fail(title, "on standard error: «%s»" % run.err)
            else:
                rgd.ok(title)


main()
sys.exit(rgd.failed)
