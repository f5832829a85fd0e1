"""Lays the lines of the engines side by side (README.md says what they are).

table.py fhirpath EXPRESSIONS TITLE NAME=FILE...   prints a table; last line: RATE RATIO PEER, and PARSED-RATIO
table.py growth FILE                               prints the growth lines with their factors
Ends with 1 when the answers differ.
"""
import sys


def read(path):
    rows = {"expression": {}, "growth": [], "parsed": None}
    for line in open(path, encoding="utf-8"):
        part = line.rstrip("\n").split("\t")
        if part[0] == "expression":
            rate, count, digest, resources = float(part[2]), int(part[3]), part[4], int(part[5])
            rows["expression"][int(part[1])] = (rate, count, digest, resources)
        elif part[0] == "parsed":
            rows["parsed"] = (float(part[1]), float(part[2]))
        elif part[0] == "growth":
            rows["growth"].append((part[1], [float(x) for x in part[2:]]))
    return rows


def overall(rows):
    """Evaluations a second over one round of all expressions."""
    evaluations = sum(r[3] for r in rows["expression"].values())
    return evaluations / sum(r[3] / r[0] for r in rows["expression"].values())


def fhirpath(expression_file, title, named):
    texts = [l.rstrip("\n").split("\t")[1] for l in open(expression_file, encoding="utf-8")
             if l.strip() and not l.startswith("#")]
    engines = [(n, read(f)) for n, f in (x.split("=", 1) for x in named)]
    ours = engines[0][1]
    print(f"\n{title}: evaluations a second, one thread, compiled once, resources parsed before")
    head = f"{'expression':<72}{'values':>8}"
    for name, _ in engines:
        head += f"{name:>14}" + ("" if name == engines[0][0] else f"{'ratio':>8}")
    print(head)
    equal = True
    for i, text in enumerate(texts):
        rate, count, digest, resources = ours["expression"][i]
        line = f"{(text if len(text) <= 70 else text[:69] + '…'):<72}{count:>8}"
        for name, rows in engines:
            mine = rows["expression"][i]
            line += f"{mine[0]:>14,.0f}" + ("" if rows is ours else f"{rate / mine[0]:>7.1f}x")
            same = mine[1] == count and (mine[2] == digest or name == "fhirpath.js" and "Quantity" in text)
            if not same or mine[3] != resources:
                equal = False
                line += f"  DIFFERENT ANSWERS ({name}: {mine[1]} values)"
        print(line)
    line = f"{'all, over one round':<80}"
    for name, rows in engines:
        line += f"{overall(rows):>14,.0f}" + ("" if rows is ours else f"{overall(ours) / overall(rows):>7.1f}x")
    print(line)
    line = f"{'with parsing':<80}"
    for name, rows in engines:
        line += f"{rows['parsed'][0]:>14,.0f}" + (
            "" if rows is ours else f"{ours['parsed'][0] / rows['parsed'][0]:>7.1f}x")
    print(line)
    line = f"{'  reading, MB/s':<80}"
    for name, rows in engines:
        line += f"{rows['parsed'][1]:>14,.1f}" + ("" if rows is ours else " " * 8)
    print(line)
    print("all engines gave the same values" if equal else "THE ANSWERS DIFFER: the figures mean nothing")
    if len(engines) > 1:
        peer = engines[1]
        print(f"{overall(ours):.0f} {overall(ours) / overall(peer[1]):.2f} {peer[0]} "
              f"{ours['parsed'][0] / peer[1]['parsed'][0]:.2f}")
    else:
        print(f"{overall(ours):.0f} 0 none 0")
    return 0 if equal else 1


def growth(path):
    print(f"\n{'cost growth, microseconds':<28}{'1x':>12}{'10x':>12}{'100x':>12}   a tenfold costs")
    for what, t in read(path)["growth"]:
        print(f"{what:<28}{t[0]:>12,.1f}{t[1]:>12,.1f}{t[2]:>12,.1f}   {t[1] / t[0]:.1f}x, {t[2] / t[1]:.1f}x")
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "growth":
        sys.exit(growth(sys.argv[2]))
    sys.exit(fhirpath(sys.argv[2], sys.argv[3], sys.argv[4:]))
