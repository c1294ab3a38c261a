"""An independent reader of dumps, from refgraph_dump.h alone: the oracle of the shim's tests.

rgd.Dump(path) checks every checksum, the order of the table of contents and the group rules, and decodes all columns.
"""
import ctypes
import struct

_zstd = ctypes.CDLL("libzstd.so.1")
_zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
_xxh = ctypes.CDLL("libxxhash.so.0")
_xxh.XXH3_64bits.restype = ctypes.c_uint64
_xxh.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

GROUP = 1 << 17
U8, U32, U64, VARINT, DELTA, ASC, BYTES, TARGET = range(1, 9)
SECTIONS = """TOC META STRINGS TYPES LABELS OBJECTS EDGES ROOTS FRAMES STACKS MODULES MAPS THREADS RUNTIMES GC
COUNTERS PROPERTIES SUMMARY EPOCHS REGIONS EVENTS HEAPS PAGES HOOKS POOLS SITES CALLS TRACES COUNTED CALL_REGISTERS TLS""".split()
HAS_VALUE = {3, 5, 11, 12, 13}


def xxh(data):
    return _xxh.XXH3_64bits(data, len(data))


def varints(data):
    if data.isascii():  # a byte each
        return list(data)
    out, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        if byte & 128:
            shift += 7
        else:
            out.append(value)
            value = shift = 0
    assert shift == 0, "cut varint"
    return out


def unzigzag(v):
    return (v >> 1) ^ -(v & 1)


class Dump:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = data = f.read()
        magic, self.major, self.minor, size, self.time_ns, self.pid, self.serial, self.pointer, self.order, self.machine, \
            self.page_size, self.key, _, check = struct.unpack_from("<8sHHIQIIBBHIQQQ", data)
        assert magic == b"\x89RGD\r\n\x1a\n" and size == 64 and check == xxh(data[:56]), "file header"
        tmagic, toc, file_size, self.flags, _, check = struct.unpack_from("<8sQQIIQ", data, len(data) - 40)
        assert tmagic == b"RGDTAIL\n" and file_size == len(data) and check == xxh(data[-40:-8]), "tail"
        self.columns = {}
        self.chunks = []
        at = 64
        while at < toc:
            at = self._chunk(at)
        assert at == toc
        head, payload = self._head(toc)
        assert head[1] == 0 and head[4] == 0
        entries = b"".join(struct.pack("<Q", o) + data[o:o + 48] for o, _ in self.chunks)
        assert payload == entries and head[6] == len(self.chunks), "table of contents"
        self._groups()

    def _head(self, at):
        raw = self.data[at:at + 48]
        magic, section, column, enc, comp, _, rows, rawsize, stored, first, check, hcheck = struct.unpack("<IHHBBHIIIQQQ", raw)
        assert magic == 0x48434752 and hcheck == xxh(raw[:40]), "chunk header"
        payload = self.data[at + 48:at + 48 + stored]
        assert xxh(payload) == check, "payload"
        if comp == 1:
            out = ctypes.create_string_buffer(rawsize)
            n = _zstd.ZSTD_decompress(out, rawsize, payload, stored)
            assert n == rawsize, "zstd"
            payload = out.raw
        assert len(payload) == rawsize
        return (None, section, column, enc, comp, None, rows, rawsize, stored, first), payload

    def _chunk(self, at):
        head, payload = self._head(at)
        section, column, enc, rows, first = head[1], head[2], head[3], head[6], head[9]
        col = self.columns.setdefault((section, column), [])
        assert len(col) == first, "first_row of %d.%d" % (section, column)
        values = self._decode(enc, payload, rows)
        assert len(values) == rows, "rows of %d.%d: %d, header says %d" % (section, column, len(values), rows)
        col.extend(values)
        self.chunks.append((at, head))
        return at + 48 + head[8]

    @staticmethod
    def _decode(enc, payload, rows):
        if enc == U8:
            return list(payload)
        if enc in (U32, U64):
            return [v for v, in struct.iter_unpack("<I" if enc == U32 else "<Q", payload)]
        if enc == BYTES:
            out, at = [], 0
            while at < len(payload):
                n = shift = 0
                while True:
                    n |= (payload[at] & 127) << shift
                    shift += 7
                    at += 1
                    if not payload[at - 1] & 128:
                        break
                out.append(payload[at:at + n])
                at += n
            return out
        values = varints(payload)
        if enc in (DELTA, ASC):
            last = 0
            for i, v in enumerate(values):
                last += unzigzag(v) if enc == DELTA else v
                values[i] = last
        return values

    def _groups(self):
        for _, h in self.chunks:
            if h[1] == 5 or (h[1] == 6 and h[2] in (0, 2)):
                assert h[9] % GROUP == 0 and h[6] <= GROUP, "group"

    def col(self, section, column):
        return self.columns.get((SECTIONS.index(section), column), [])

    def rows(self, section):
        n = SECTIONS.index(section)
        cols = sorted(c for s, c in self.columns if s == n)
        return list(zip(*(self.columns[n, c] for c in cols)))

    @property
    def strings(self):
        return [s.decode() for s in self.col("STRINGS", 0)]

    @property
    def meta(self):
        return {k.decode(): v.decode() for k, v in zip(self.col("META", 0), self.col("META", 1))}

    @property
    def counters(self):
        s = self.strings
        return {s[n]: v for n, v in zip(self.col("COUNTERS", 0), self.col("COUNTERS", 1))}

    def edges(self):
        """List by source object of (label, value, target, interior)."""
        labels = self.rows("LABELS")
        degree, label, coded = self.col("OBJECTS", 7), self.col("EDGES", 0), self.col("EDGES", 2)
        values, interiors = iter(self.col("EDGES", 1)), iter(self.col("EDGES", 3))
        assert sum(degree) == len(label) == len(coded), "degrees"
        last, out, e = {}, [], 0
        for d in degree:
            mine = []
            for _ in range(d):
                if e % GROUP == 0:
                    last = {}
                kind, cls, flags, string = labels[label[e]]
                value = next(values) if cls in HAS_VALUE else None
                slot = (label[e] + (value if cls == 11 else 0)) % 4096
                target = (last.get(slot, 0) + unzigzag(coded[e])) & 0xffffffff
                last[slot] = target
                mine.append((label[e], value, target, next(interiors) if flags & 2 else 0))
                e += 1
            out.append(mine)
        assert next(values, None) is None and next(interiors, None) is None, "rows left over"
        return out

    def reachable(self):
        """Numbers of the objects that a root reaches, by any edge."""
        edges, seen, todo = self.edges(), set(), list(self.col("ROOTS", 5))
        while todo:
            i = todo.pop()
            if i not in seen:
                seen.add(i)
                todo += [target for _, _, target, _ in edges[i]]
        return seen


if __name__ == "__main__":
    import sys
    d = Dump(sys.argv[1])
    print("pid", d.pid, "serial", d.serial, "flags", d.flags, "bytes", len(d.data))
    print(d.meta)
    print(d.counters)
    for s in SECTIONS[2:]:
        r = d.rows(s) if s not in ("EDGES", "STRINGS") else d.col(s, 0)
        print(s, len(r), r[:6])
    e = d.edges()
    print("edges", sum(map(len, e)), e[:4])
