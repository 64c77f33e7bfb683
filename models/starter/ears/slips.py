"""Learns how evidence of slips is weighed: `python slips.py EVIDENCE… [--test EVIDENCE…]`.

`cargo run -p companion-tests --bin self_hearing -- SENTENCES… --evidence FILE` writes the evidence: what a recogniser
found of each wanted word in clauses with and without scripted slips. A logistic rule for each kind of slip and of
wanted one is fitted to the words of clean clauses and to the word of each slip. Its threshold is where false alarms
among the clean clauses, each as dear as `--dear` missed slips, and missed slips cost least together. Prints the tables
of `daemon/crates/asr/src/agreement.rs`, and how many clauses they call faulty; with `--folds` also how many rules call
faulty that were learnt without the sentence: what settings and features are chosen by.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

FAULTS = ("none", "swallows", "stutters", "repeats", "leaks")
SLIPS = ("swallowed", "repeated", "added")
# Evidence beyond these bounds counts as they do, nats (as in agreement.rs).
LEAST, MOST = -25.0, 20.0
# Weights of standardised features are held back by this much (ridge).
RIDGE = 1e-3


class Clause:
    """The lines of one clause: features of each kind of slip, word by word."""

    def __init__(self, sentence: str, fault: str, at: int, kind: str) -> None:
        self.sentence, self.fault, self.at, self.kind = sentence, fault, at, kind
        self.swallowed: list[list[float]] = []
        self.repeated: list[list[float]] = []
        self.added: list[list[float]] = []

    def line(self, place: int, count: int, values: list[float]) -> None:
        clip = lambda v: float(np.clip(v, LEAST, MOST))
        self.added.append([1, clip(values[0]), place == 0, place == count])
        if len(values) > 1:
            _, without, other, again, sure, _, _, most_again, recurs = values
            sure = max(sure, -12.0)
            self.swallowed.append([1, clip(without), clip(without - max(other, 0)), sure])
            self.repeated.append([1, clip(again), clip(other), sure, clip(most_again), recurs])

    def target(self, slip: str) -> int | None:
        """The place of the slip where this clause has one of the kind."""
        of = {"swallowed": ("swallows",), "repeated": ("stutters", "repeats"), "added": ("leaks",)}
        return self.at if self.fault in of[slip] else None


def read(paths: list[Path]) -> list[Clause]:
    clauses: dict[tuple, Clause] = {}
    for path in paths:
        for line in path.read_text().splitlines():
            clause, fault, at, kind, place, count, *values = line.split("\t")
            one = clauses.setdefault((path, clause, fault), Clause(clause, fault, int(at), kind))
            one.line(int(place), int(count), [float(v) for v in values])
    return list(clauses.values())


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method; the first column is one."""
    mean, scale = x.mean(0), x.std(0) + 1e-6
    mean[0], scale[0] = 0, 1
    z, w = (x - mean) / scale, np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        hold = RIDGE * len(z) * (np.arange(len(w)) > 0)
        gradient = z.T @ (p - y) + hold * w
        w -= np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + np.diag(hold + 1e-6), gradient)
    w = w / scale
    w[0] -= w[1:] @ mean[1:]
    return w


def learn(clauses: list[Clause], slip: str, dear: float) -> np.ndarray:
    clean = [np.array(getattr(c, slip), float) for c in clauses if c.fault == "none"]
    # Two words said twice are found too easily to learn from.
    faulty = [c for c in clauses if c.target(slip) is not None and c.fault != "repeats"]
    said = np.array([getattr(c, slip)[min(c.at, len(getattr(c, slip)) - 1)] for c in faulty], float)
    w = fit(np.concatenate([*clean, said]), np.r_[np.zeros(sum(map(len, clean))), np.ones(len(said))])
    highest, slips = np.array([(c @ w).max() for c in clean]), said @ w
    bounds = np.linspace(-12, 12, 2401)
    cost = np.array([dear * (highest > t).mean() + (slips <= t).mean() for t in bounds])
    # In the middle of the gap, where there is one.
    w[0] -= bounds[cost <= cost.min() + 1e-9].mean()
    return w


def called(clause: Clause, weights: dict[str, np.ndarray]) -> bool:
    return any((np.array(getattr(clause, slip), float) @ w).max() > 0 for slip, w in weights.items())


def report(name: str, clauses: list[Clause], tables: dict[str, dict[str, np.ndarray]]) -> None:
    found = defaultdict(list)
    for clause in clauses:
        found[clause.kind, clause.fault].append(called(clause, tables[clause.kind]))
    show(name, found)


def show(name: str, found: dict[tuple[str, str], list[bool]]) -> None:
    for (kind, fault), all_ in sorted(found.items(), key=lambda i: (i[0][0], FAULTS.index(i[0][1]))):
        print(f"{name} {kind} {fault}: {100 * np.mean(all_):.1f} % of {len(all_)} called faulty")


def judged(clauses: list[Clause], folds: int, dear: float) -> None:
    """Counts clauses that are called faulty by rules learnt without their sentences."""
    found = defaultdict(list)
    for kind in sorted({c.kind for c in clauses}):
        own = [c for c in clauses if c.kind == kind]
        part = {sentence: n % folds for n, sentence in enumerate(sorted({c.sentence for c in own}))}
        for fold in range(folds):
            others = [c for c in own if part[c.sentence] != fold]
            tables = {slip: learn(others, slip, dear) for slip in SLIPS}
            for clause in (c for c in own if part[c.sentence] == fold):
                found[kind, clause.fault].append(called(clause, tables))
    show(f"{folds} parts:", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evidence", type=Path, nargs="+")
    parser.add_argument("--test", type=Path, nargs="*", default=[])
    parser.add_argument("--dear", type=float, default=2.0, help="a false alarm costs as much as so many slips that are missed")
    parser.add_argument("--folds", type=int, default=0, help="parts of the sentences, each judged by rules learnt on the others")
    args = parser.parse_args()
    clauses, tables = read(args.evidence), {}
    for kind in sorted({c.kind for c in clauses}):
        own = [c for c in clauses if c.kind == kind]
        tables[kind] = {slip: learn(own, slip, args.dear) for slip in SLIPS}
        print(f"const {kind.upper()}: SlipWeights = SlipWeights {{")
        for slip, w in tables[kind].items():
            print(f"    {slip}: [{', '.join(f'{v:.3f}' for v in w)}],")
        print("};")
    report("learnt on:", clauses, tables)
    if args.folds:
        judged(clauses, args.folds, args.dear)
    if args.test:
        report("test:", [c for c in read(args.test) if c.kind in tables], tables)


if __name__ == "__main__":
    main()
