"""Clips on disk: `NAME.npy` holds the samples (16 kHz, int16) end to end, `NAME.json` their ends, texts and languages.

The samples are mapped, not read, so that several processes share one copy.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np


def write(folder: Path, name: str, clips: list[tuple[np.ndarray, str, str]]) -> None:
    """Writes a shard of (samples, text, language); it appears when it is whole."""
    np.save(folder / f"{name}.npy", np.concatenate([pcm for pcm, _, _ in clips]))
    table = {"ends": np.cumsum([len(pcm) for pcm, _, _ in clips]).tolist(), "texts": [t for _, t, _ in clips], "langs": [g for _, _, g in clips]}
    part = folder / f"{name}.part"
    part.write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    os.replace(part, folder / f"{name}.json")


def texts(folder: Path) -> list[str]:
    """The texts of all clips."""
    return [t for path in sorted(folder.glob("*.json")) for t in json.loads(path.read_text(encoding="utf-8"))["texts"]]


def read(path: Path) -> list[tuple[np.ndarray, str, str]]:
    """The clips of a shard, by its `.json`."""
    table = json.loads(path.read_text(encoding="utf-8"))
    pcm = np.load(path.with_suffix(".npy"), mmap_mode="r")
    return list(zip(np.split(pcm, table["ends"][:-1]), table["texts"], table["langs"]))
