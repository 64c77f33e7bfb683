"""Measures ears on held-out sentences, read greedily: `python evaluate.py DIR [--count N]`.

Sentences: those of `heldout.py` (none of them in training), with unseen names and values, and everyday ones by
another hand. Voices are the held-out variants (and for English a held-out base). CER for Chinese, WER for English, as
total edit distance over total length.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import wave as wavfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import yaml
from safetensors.torch import load_file

from augment import NO_SPEECH, Augmenter, coloured
from features import fbank, lfr, read_cmvn
from guard import everyday, lines
from model import SenseVoice
from speak import EN_BASES, HELD_OUT_FLITE, HELD_OUT_VARIANTS, Espeak, clip, flite


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


def rate(ears: Ears, pairs: list[tuple[np.ndarray, str]], lang: str) -> str:
    """Error rate over clips and their texts: characters of Chinese, words of English."""
    units = (lambda t: list(t.replace(" ", ""))) if lang == "zh" else str.split
    errors = total = 0
    for wave, text in pairs:
        want = units(text.lower())
        errors, total = errors + distance(units(ears.hear(np.clip(wave, -1, 1))), want), total + len(want)
    return f"{100 * errors / total:.1f} % of {total} in {len(pairs)} sentences"


def speak_all(espeak: Espeak, texts: list[str], lang: str, rng: random.Random) -> list[np.ndarray]:
    """The sentences in held-out voices, with a little silence around."""
    quiet = np.zeros(3200, np.float32)
    return [np.concatenate([quiet, clip(espeak, t, lang, rng, held_out=True).astype(np.float32) / 32768, quiet]) for t in texts]


def speech(augment: Augmenter, lang: str, count: int) -> Iterator[tuple[str, list[np.ndarray], list[str]]]:
    """All sets of a language: name, clips, texts."""
    espeak, rng = Espeak(), random.Random(987)
    pink = coloured(16000 * 20, 1.0, augment.gen)
    noisy = lambda waves: [augment.disturb(w, augment.cut(pink, len(w)), 15) for w in waves]
    texts = lines(f"heldout_{lang}.txt")[:count]
    clean = speak_all(espeak, texts, lang, rng)
    augment.clips = [(c * 32768).astype(np.int16) for c in clean[:60]]
    yield "held-out clean", clean, texts
    yield "held-out pink 15 dB", noisy(clean), texts
    yield "held-out babble 15 dB", [augment.disturb(w, augment.babble(len(w), 3), 15) for w in clean], texts
    yield "held-out reverberation", [np.convolve(w, augment.rooms[0])[: len(w)] for w in clean], texts
    if lang == "en":
        yield "held-out flite rms", [flite(t, HELD_OUT_FLITE).astype(np.float32) / 32768 for t in texts], texts
        bases = [espeak.speak(t, f"{rng.choice(EN_BASES)}+{rng.choice(HELD_OUT_VARIANTS)}", rng.randint(110, 225), rng.randint(25, 75), rng.randint(30, 70)) for t in texts]
        yield "held-out clean, trained bases", [b.astype(np.float32) / 32768 for b in bases], texts
    strange = lines(f"unseen_{lang}.txt")[:count]
    yield "unseen names and values", speak_all(espeak, strange, lang, rng), strange
    another = everyday(lang)
    spoken = speak_all(espeak, another, lang, rng)
    yield "another hand clean", spoken, another
    yield "another hand pink 15 dB", noisy(spoken), another
    dev = lines(f"dev_{lang}.txt")[:count]
    yield "dev clean", speak_all(espeak, dev, lang, rng), dev


def export(folder: Path, count: int) -> None:
    """Writes all sets as WAV files, and `clips.jsonl` with a line per clip: set, lang, wav, text."""
    folder.mkdir(parents=True, exist_ok=True)
    augment, rows = Augmenter(99), []
    for lang in ("zh", "en"):
        for name, waves, texts in speech(augment, lang, count):
            for wave, text in zip(waves, texts):
                file = f"{len(rows):05}.wav"
                with wavfile.open(str(folder / file), "wb") as out:
                    out.setparams((1, 2, 16000, 0, "NONE", ""))
                    out.writeframes((np.clip(wave, -1, 1) * 32767).astype(np.int16).tobytes())
                rows.append(json.dumps({"set": name, "lang": lang, "wav": file, "text": text}, ensure_ascii=False))
    (folder / "clips.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def no_speech(ears: Ears, augment: Augmenter, count: int) -> None:
    """How often sounds that are no speech give text, by kind."""
    heard = collections.Counter()
    kinds = sorted(set(NO_SPEECH))
    for number in range(count):
        heard[kinds[number % len(kinds)]] += bool(ears.hear(augment.no_speech(kinds[number % len(kinds)])))
    print(f"no speech: text in {100 * sum(heard.values()) / count:.1f} % of {count} clips", dict(heard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="model directory, or where to write the clips")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--export", action="store_true", help="write the clips for the daemon's own evaluation, `--bin hearing`")
    args = parser.parse_args()
    if args.export:
        export(args.folder, args.count)
        return
    torch.set_num_threads(1)
    ears, augment = Ears(args.folder), Augmenter(99)
    for lang in ("zh", "en"):
        for name, waves, texts in speech(augment, lang, args.count):
            print(f"{lang} {name}: {rate(ears, list(zip(waves, texts)), lang)}", flush=True)
    no_speech(ears, augment, 540)


if __name__ == "__main__":
    main()
