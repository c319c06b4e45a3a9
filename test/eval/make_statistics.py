"""Figures for statistics.test.ts by scipy: python3 make_statistics.py, in this folder."""
import json, pathlib
from scipy.stats import binomtest

wilson = []
for right, rows in [(0, 5), (5, 5), (1, 2), (60, 100), (2005, 3270), (1, 10042)]:
    ci = binomtest(right, rows).proportion_ci(0.95, method="wilson")
    wilson.append(dict(right=right, rows=rows, low=ci.low, high=ci.high))
mcnemar = [dict(b=b, c=c, p=binomtest(b, b + c, 0.5).pvalue if b + c else 1.0)
           for b, c in [(0, 0), (0, 1), (1, 0), (3, 3), (10, 2), (2, 10), (31, 120), (500, 430), (0, 900)]]
pathlib.Path(__file__).with_name("statistics.json").write_text(json.dumps(dict(wilson=wilson, mcnemar=mcnemar), indent=1) + "\n")
