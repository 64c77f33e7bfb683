"""Measures ears on fresh sentences: `python evaluate.py DIR [--count N]`.

Voices are the held-out variants (and for English a held-out base); sentences are drawn with another seed. CER for
Chinese, WER for English, as total edit distance over total length.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import yaml
from safetensors.torch import load_file

from augment import Augmenter, coloured
from features import fbank, lfr, read_cmvn
from grammar.expand import sentence
from model import SenseVoice
from speak import Espeak, clip, flite, HELD_OUT_FLITE


class Ears:
    """The model directory as the daemon reads it."""

    def __init__(self, folder: Path) -> None:
        conf = yaml.safe_load((folder / "config.yaml").read_text())["encoder_conf"]
        weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
        self.model = SenseVoice(conf, weights["ctc.ctc_lo.weight"].shape[0]).eval()
        self.model.load_state_dict(weights)
        self.cmvn = read_cmvn(folder / "am.mvn")
        self.sp = spm.SentencePieceProcessor(model_file=str(folder / "chn_jpn_yue_eng_ko_spectok.bpe.model"))

    @torch.no_grad()
    def hear(self, wave: np.ndarray) -> str:
        """Text without tags."""
        feats = (lfr(fbank(torch.from_numpy(wave.astype(np.float32)))) + self.cmvn[0]) * self.cmvn[1]
        logits, _ = self.model(feats[None], torch.tensor([len(feats)]), torch.tensor([0]), torch.tensor([15]))
        ids, last = [], None
        for i in logits[0].argmax(-1).tolist():
            if i not in (last, 0):
                ids.append(i)
            last = i
        pieces = [self.sp.id_to_piece(i) for i in ids]
        return "".join(p for p in pieces if not p.startswith("<|")).replace("\u2581", " ").strip()


def distance(a: list[str], b: list[str]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    args = parser.parse_args()
    torch.set_num_threads(1)
    ears, espeak, rng = Ears(args.folder), Espeak(), random.Random(987)
    augment = Augmenter(99)
    pink = coloured(16000 * 20, 1.0, augment.gen)
    conditions = ("clean", "pink 15 dB", "babble 15 dB", "reverberation", "flite rms")
    for lang in ("zh", "en"):
        units = list if lang == "zh" else str.split
        errors, total = dict.fromkeys(conditions, 0), dict.fromkeys(conditions, 0)
        for _ in range(args.count):
            text = sentence(lang, rng)
            pcm = clip(espeak, text, lang, rng, held_out=True).astype(np.float32) / 32768
            augment.clips = (augment.clips + [(pcm * 32768).astype(np.int16)])[-60:]
            want = units(text.lower().replace(" ", "") if lang == "zh" else text.lower())
            quiet = np.concatenate([np.zeros(3200, np.float32), pcm, np.zeros(3200, np.float32)])
            variants = {
                "clean": quiet,
                "pink 15 dB": augment.disturb(quiet, augment.cut(pink, len(quiet)), 15),
                "babble 15 dB": augment.disturb(quiet, augment.babble(len(quiet), 3) , 15),
                "reverberation": np.convolve(quiet, augment.rooms[0])[: len(quiet)],
            }
            if lang == "en":
                variants["flite rms"] = flite(text, HELD_OUT_FLITE).astype(np.float32) / 32768
            for name, wave in variants.items():
                got = ears.hear(np.clip(wave, -1, 1))
                errors[name] += distance(units(got.replace(" ", "") if lang == "zh" else got), want)
                total[name] += len(want)
        for name in conditions:
            if total[name]:
                print(f"{lang} {name}: {100 * errors[name] / total[name]:.1f} % of {total[name]}")
    speech = sum(bool(ears.hear(augment.no_speech())) for _ in range(args.count))
    print(f"no speech: text in {100 * speech / args.count:.1f} % of {args.count} clips")


if __name__ == "__main__":
    main()
