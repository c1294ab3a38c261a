"""The part of JSON Schema (draft 2020-12) that `refgraph schema` uses, and no more: an unknown word in a schema is an error."""
import re

KNOWN = {"$schema", "title", "description", "anyOf", "type", "properties", "required", "additionalProperties", "const", "minimum", "pattern"}
TYPES = {"string": lambda v: isinstance(v, str), "null": lambda v: v is None, "boolean": lambda v: isinstance(v, bool),
         "integer": lambda v: isinstance(v, int) and not isinstance(v, bool), "object": lambda v: isinstance(v, dict),
         "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)}


def faults(value, schema, where="line"):
    """What is wrong with a value; [] when nothing is."""
    if set(schema) - KNOWN:
        return ["%s: the schema says %s" % (where, sorted(set(schema) - KNOWN))]
    out = []
    if "anyOf" in schema:
        each = [faults(value, s, where) for s in schema["anyOf"]]
        if all(each):
            out += min(each, key=len)
    types = schema.get("type", [])
    if types and not any(TYPES[t](value) for t in ([types] if isinstance(types, str) else types)):
        return out + ["%s: %r is no %s" % (where, value, types)]
    if "const" in schema and value != schema["const"]:
        out.append("%s: %r is not %r" % (where, value, schema["const"]))
    if "minimum" in schema and value is not None and value < schema["minimum"]:
        out.append("%s: %r is below %r" % (where, value, schema["minimum"]))
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        out.append("%s: %r does not match %s" % (where, value, schema["pattern"]))
    if isinstance(value, dict):
        out += ["%s: no %s" % (where, n) for n in schema.get("required", []) if n not in value]
        for n, v in value.items():
            if n in schema.get("properties", {}):
                out += faults(v, schema["properties"][n], where + "." + n)
            elif schema.get("additionalProperties", True) is False:
                out.append("%s: %s is unknown" % (where, n))
    return out


def kind(value, schema):
    """Which of the schema's anyOf a value is; None of none."""
    for i, s in enumerate(schema["anyOf"]):
        if not faults(value, s):
            return i
    return None
