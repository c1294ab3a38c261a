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
        rgd.ask_all(name, path, dumps)


main()
sys.exit(rgd.status())
