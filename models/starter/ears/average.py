"""Averages two model directories of equal shape: `python average.py A B SHARE_OF_B OUT`; other files are A's."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file


def main() -> None:
    first, second, share, out = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
    a, b = (load_file(folder / "model.safetensors") for folder in (first, second))
    shutil.copytree(first, out, dirs_exist_ok=True)
    mixed = {name: ((1 - share) * a[name].float() + share * b[name].float()).to(a[name].dtype).contiguous() for name in a}
    save_file(mixed, out / "model.safetensors")


if __name__ == "__main__":
    main()
