"""Random tables and what they hold, by Python's csv and json and by pyarrow (pip install pyarrow).

usage: python3 write.py OUT COUNT     files under OUT and cases.json: kind, file, rows as Python has them
Long integers and whole floats are texts with a # there.
"""
import csv, datetime as dt, decimal, io, json, pathlib, random, sys
import pyarrow as pa, pyarrow.parquet as pq

OUT, COUNT = pathlib.Path(sys.argv[1]), int(sys.argv[2])
D = decimal.Decimal; decimal.getcontext().prec = 80
BITS = ["a", "b c", " x", "y ", "1.5", "ü你😀", "|", ";", "\t", ",", "'", "#", "a=b", "\u00a0", "0012", "-", "=1+1", "\u2028"]
HARD = ['"', '""', "\n", "\r\n", "\r", '","', '"\n']


def text(rng, bits, most=5): return "".join(rng.choice(bits) for _ in range(rng.randrange(most)))


def csv_case(rng, delimiter):
    """A table of some columns, or of one (where delimiters need no quotes), with any line ends; each cell as it was put in, and as csv reads it."""
    n = rng.choice([1, 1, 2, 3, 5]); bits = BITS + HARD
    names = [f"c{i}" + rng.choice(["", " ", " x"]) for i in range(n)]; names[0] = rng.choice(["", " "]) + names[0]
    rows = [[text(rng, bits) for _ in range(n)] for _ in range(rng.randrange(1, 8))]
    rows = [r for r in rows if any(c.strip() for c in r)] or [["z"] * n]
    every = rng.random() < 0.3; out = ""; last = rng.random() < 0.5; special = '"\r\n' + ("" if n == 1 and delimiter != "\t" else delimiter)
    cell = lambda c: '"' + c.replace('"', '""') + '"' if every or any(x in c for x in special) else c
    for i, r in enumerate([names, *rows]):  # line ends are mixed, which csv.writer does not do
        out += delimiter.join(map(cell, r)) + ("" if last and i == len(rows) else rng.choice(["\n", "\r\n", "\r"]))
    read = list(csv.reader(io.StringIO(out, newline=""), delimiter=delimiter if n > 1 else "\0", strict=True))
    assert [r for r in read if r and any(c.strip() for c in r)] == [names, *rows], out
    return out, [dict(zip(names, r)) for r in rows]


def value(rng, depth=0):
    k = rng.randrange(9 if depth < 3 else 7)
    if k == 0: return rng.randrange(-10, 1000)
    if k == 1: return rng.choice([-1, 1]) * rng.randrange(10 ** rng.randrange(1, 40))
    if k == 2: return rng.choice([2 ** 53, 2 ** 53 + 1, 2 ** 53 - 1, 2 ** 63, -2 ** 63, 2 ** 64 - 1, -(2 ** 53) - 1])
    if k == 3: return rng.choice([0.5, -1.25, 1e300, 2.5e-7, 3.0, -0.5, 1e16])
    if k == 4: return rng.choice([True, False, None])
    if k in (5, 6): return text(rng, BITS + HARD + ["12345678901234567890", "\\", "/", "\x01"])
    if k == 7: return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {text(rng, ["a", "b", "__proto__", "1", " ", "ü"]) or "k": value(rng, depth + 1) for _ in range(rng.randrange(4))}


def record(rng): return {"a": value(rng), "b": value(rng), "c": value(rng)}


def kinds():
    day, stamp = lambda g: dt.date(1970, 1, 1) + dt.timedelta(g.randrange(-200000, 200000)), lambda g, u: dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=u * g.randrange(-10 ** 14, 10 ** 15) // u)
    whole = lambda g, low, high: g.choice([low, high, 0, 1, g.randrange(low, high + 1)])
    for n in (8, 16, 32, 64):
        yield getattr(pa, f"int{n}")(), lambda g, n=n: whole(g, -2 ** (n - 1), 2 ** (n - 1) - 1)
        yield getattr(pa, f"uint{n}")(), lambda g, n=n: whole(g, 0, 2 ** n - 1)
    for p, s in ((4, 0), (9, 2), (9, 9), (18, 3), (38, 10), (38, 0)):
        yield pa.decimal128(p, s), lambda g, p=p, s=s: D(g.choice([-1, 1]) * g.randrange(10 ** g.randrange(1, p + 1))).scaleb(-s)
    yield pa.decimal256(70, 5), lambda g: D(g.randrange(10 ** 60)).scaleb(-5)
    yield pa.date32(), day
    yield pa.timestamp("us"), lambda g: dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=g.randrange(-10 ** 15, 10 ** 16))
    yield pa.timestamp("ms"), lambda g: dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=g.randrange(-10 ** 12, 10 ** 13))
    yield pa.time64("us"), lambda g: (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=g.randrange(86_400_000_000))).time()
    yield pa.time32("ms"), lambda g: (dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=g.randrange(86_400_000))).time()
    yield pa.float64(), lambda g: g.choice([0.5, -1.25, 1e300, 3.0])
    yield pa.bool_(), lambda g: g.random() < 0.5
    yield pa.string(), lambda g: text(g, BITS + HARD)
    yield pa.large_string(), lambda g: text(g, BITS)
    yield pa.binary(), lambda g: text(g, BITS).encode()


def nested(rng, depth=0):
    """A type and what makes values of it: a plain one, or a list or struct of others."""
    k = rng.random()
    if depth < 3 and k < 0.25:
        t, make = nested(rng, depth + 1)
        return pa.list_(t), lambda g: [maybe(g, make) for _ in range(g.randrange(4))]
    if depth < 3 and k < 0.5:
        fields = [(f"f{i}", *nested(rng, depth + 1)) for i in range(rng.randrange(1, 4))]
        return pa.struct([(n, t) for n, t, _ in fields]), lambda g: {n: maybe(g, m) for n, _, m in fields}
    return rng.choice(list(kinds()))


def maybe(g, make): return None if g.random() < 0.1 else make(g)


def parquet_case(rng, path):
    columns = [(f"c{i}", *nested(rng)) for i in range(rng.randrange(1, 6))]; n = rng.randrange(1, 60)
    table = pa.table({name: pa.array([maybe(rng, make) for _ in range(n)], t) for name, t, make in columns})
    pq.write_table(table, path, compression=rng.choice(["none", "snappy"]), use_dictionary=rng.random() < 0.5, data_page_version=rng.choice(["1.0", "2.0"]),
                   store_decimal_as_integer=rng.random() < 0.5, row_group_size=rng.choice([7, 1000]))
    return pq.read_table(path).to_pylist()


def plain(v):
    if isinstance(v, float) and v.is_integer(): return f"#float {int(v)}"
    if isinstance(v, (bool, str, float)) or v is None: return v
    if isinstance(v, int): return v if abs(v) < 2 ** 53 else f"#{v}"
    if isinstance(v, D): return format(v, "f")
    if isinstance(v, bytes): return v.decode()
    if isinstance(v, dict): return {k: plain(x) for k, x in v.items()}
    return [plain(x) for x in v] if isinstance(v, list) else str(v)


cases = []
for i in range(COUNT):
    for kind, delimiter in (("csv", rng_d := random.Random(i).choice(",,,;|\t")), ("tsv", "\t")):
        body, rows = csv_case(random.Random(f"{kind} {i}"), delimiter)
        if kind == "csv" and len(rows[0]) == 1: kind_name = "csv of one column"
        else: kind_name = kind
        (OUT / f"{kind}{i}.{kind}").write_text(body, "utf-8", newline=""); cases.append((kind_name, f"{kind}{i}.{kind}", rows))
    rows = [record(random.Random(f"json {i} {r}")) for r in range(3)]
    (OUT / f"json{i}.json").write_text(json.dumps(rows, ensure_ascii=i % 2 == 0, indent=i % 3 or None), "utf-8"); cases.append(("json", f"json{i}.json", rows))
    (OUT / f"lines{i}.jsonl").write_text("\n".join(json.dumps(r) for r in rows), "utf-8"); cases.append(("jsonl", f"lines{i}.jsonl", rows))
    if i % 5 == 0: cases.append(("parquet", f"p{i}.parquet", parquet_case(random.Random(f"parquet {i}"), OUT / f"p{i}.parquet")))
(OUT / "cases.json").write_text(json.dumps([(k, f, plain(r)) for k, f, r in cases]), "utf-8")
