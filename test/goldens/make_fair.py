"""Fair choices of blocks by numpy: what `--spread fair` and `--spread apart` must choose from the goldens' score maps.

python3 make_fair.py     writes fair.json: for each family, score, edge, kappa and number the chosen blocks, best score first

Needs numpy, safetensors. The definition, in f64: within each matrix the k-th best block (k from 0; by score, ties by row, column)
has priority score / (1 + kappa k G / N), N blocks to choose and G matrices; the N highest are taken, equal ones by score, layer,
module, row, column. Apart: N times the block is taken whose score / (1 + blocks taken of its matrix's row + of its column), over
1 + kappa G / N times the blocks taken of its matrix, is highest at that moment, equal ones as before. `levels` rounds the scores of all matrices down to so many levels of the largest, so that most of them tie.
"""
import json, pathlib
import numpy as np
from safetensors.numpy import load_file

HERE = pathlib.Path(__file__).parent
FAMILIES = ["llama3", "llama-linear", "qwen2", "qwen3", "mistral", "llama-bias", "smollm3"]
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = [  # score, edge, modules, kappa, N, levels
    ("absmean", 8, MODULES, 1.0, 30, None), ("absmean", 8, MODULES, 0.3, 77, None), ("absmean", 8, MODULES, 0.0, 20, None),
    ("absmean", 16, MODULES[:3], 1.0, 7, None), ("l2", 8, MODULES[:3], 2.5, 13, None), ("magnitude", 8, MODULES[4:], 1.0, 25, None),
    ("absmean", 8, MODULES, 1.0, 41, 3), ("activation", 8, MODULES, 0.7, 60, 5),
]


def fair(maps, kappa, N):
    """maps: {(layer, module): scores [R, C] f64}. Rows of (layer, module, row, column)."""
    table = []
    for (layer, module), scores in maps.items():
        R, C = scores.shape
        rows, cols = np.divmod(np.arange(R * C), C)
        order = np.lexsort((cols, rows, -scores.ravel()))
        for k, i in enumerate(order):
            s = scores.ravel()[i]
            table.append((s / (1.0 + kappa * k * len(maps) / N), s, layer, MODULES.index(module), rows[i], cols[i]))
    t = np.array(table, dtype=np.float64)
    best = t[np.lexsort((t[:, 5], t[:, 4], t[:, 3], t[:, 2], -t[:, 1], -t[:, 0]))][:N]
    best = best[np.lexsort((best[:, 5], best[:, 4], best[:, 3], best[:, 2], -best[:, 1]))]
    return best[:, 2:].astype(int).tolist()


def apart(maps, kappa, N):
    """As fair, step by step: every block's priority is computed anew before each is taken."""
    keys = sorted(maps, key=lambda at: (at[0], MODULES.index(at[1])))
    taken = {at: np.zeros(maps[at].shape, dtype=bool) for at in keys}
    chosen = []
    for _ in range(N):
        best = None
        for at in keys:
            t = taken[at]
            worth = maps[at] / (1.0 + t.sum(1, keepdims=True) + t.sum(0, keepdims=True))
            priority = np.where(t, -1.0, worth / (1.0 + kappa * t.sum() * len(maps) / N))
            ties = np.argwhere(priority == priority.max())
            row, col = max(ties.tolist(), key=lambda p: (maps[at][p[0], p[1]], -p[0], -p[1]))
            mine = (priority[row, col], maps[at][row, col])
            if best is None or mine > best[0]: best = (mine, at, row, col)
        (_, s), at, row, col = best
        taken[at][row, col] = True
        chosen.append((-s, at[0], MODULES.index(at[1]), row, col))
    return [list(c[1:]) for c in sorted(chosen)]


def main():
    out = {}
    for family in FAMILIES:
        stored, out[family] = load_file(HERE / family / "golden.safetensors"), []
        for score, edge, modules, kappa, N, levels in CASES:
            maps = {}
            for name, values in stored.items():
                part = name.split("/")
                if part[0] != "score" or part[2:] != [score, str(edge)]: continue
                layer, module = int(part[1].split(".")[2]), part[1].split(".")[-2]
                if module in modules: maps[layer, module] = values.astype(np.float64)
            most = max(m.max() for m in maps.values())
            if levels: maps = {key: np.floor(m / most * levels) for key, m in maps.items()}
            chosen = fair(maps, kappa, N)
            plain = fair(maps, 0.0, N)
            print(family, score, edge, kappa, N, levels, "in common with one ranking:", len({*map(tuple, chosen)} & {*map(tuple, plain)}), "of", N)
            out[family].append(dict(score=score, edge=edge, modules=modules, kappa=kappa, N=N, levels=levels, blocks=chosen, apart=apart(maps, kappa, N)))
    (HERE / "fair.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
