"""Speech from espeak-ng (in this process) and flite, as 16 kHz int16 clips.

Mandarin goes through the voice `cmn-latn-pinyin` as tone-numbered pinyin: espeak-ng 1.51's `cmn`
voice reads hanzi as English letter names.
"""

from __future__ import annotations

import ctypes
import io
import random
import subprocess
import wave

import numpy as np
from pypinyin import Style, lazy_pinyin
from scipy.signal import resample_poly

RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4
HELD_OUT_VARIANTS = ("f4", "m5", "Annie", "Denis")
VARIANTS = ("", "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m6", "m7", "m8", "klatt", "klatt2", "klatt3", "Andrea", "Alicia", "Alex", "anika", "Caleb", "edward", "grandma", "grandpa", "iven", "john", "linda", "max", "michael", "norbert", "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis", "victor", "zac", "belinda", "benjamin", "aunty", "boris", "david", "ed", "gene", "jacky", "Lee", "Marco", "Mike", "Nguyen", "pablo", "paul", "pedro", "RicishayMax", "Storm", "Tweaky", "UniRobot")
EN_BASES = ("en-us", "en-us", "en", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc", "en-029")
HELD_OUT_EN_BASE = "en-gb-scotland"
FLITE = ("slt", "awb", "kal16")
HELD_OUT_FLITE = "rms"
# The starter voice (`static/voices/default`), whose own speech the ears check: voice, and rate, pitch and range of its moods
# at paces of 80 to 120 %.
STARTER = {"zh": "cmn-latn-pinyin+f2", "en": "en-us+f2"}
STARTER_RATE, STARTER_PITCH, STARTER_RANGE = (108, 222), (42, 68), (30, 85)
# Samples of silence that are left where a voice stops within a sentence: 15 ms.
EDGE = 240


def pinyin(text: str) -> list[str]:
    """Tone-numbered syllables with third-tone, 不 and 一 sandhi; neutral tone is 5."""
    return lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True)


class Espeak:
    """libespeak-ng, synchronous."""

    def __init__(self) -> None:
        self.lib = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.lib.espeak_Initialize(2, 0, None, 0)
        self.chunks: list[bytes] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

        def receive(wav, count, _events):
            if wav and count > 0:
                self.chunks.append(ctypes.string_at(wav, count * 2))
            return 0

        self.callback = kind(receive)
        self.lib.espeak_SetSynthCallback(self.callback)
        self.voice = ""

    def speak(self, text: str, voice: str, rate: int, pitch: int, spread: int) -> np.ndarray:
        """Speaks `text`; 16 kHz int16."""
        if voice != self.voice:
            if self.lib.espeak_SetVoiceByName(voice.encode()) != 0:
                raise ValueError(f"espeak-ng has no voice {voice}")
            self.voice = voice
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, spread)):
            self.lib.espeak_SetParameter(parameter, value, 0)
        self.chunks = []
        data = text.encode()
        self.lib.espeak_Synth(data, len(data) + 1, 0, 0, 0, 1, None, None)
        pcm = np.frombuffer(b"".join(self.chunks), dtype=np.int16)
        return to_16k(pcm, self.rate)


def to_16k(pcm: np.ndarray, rate: int) -> np.ndarray:
    """Resamples to 16 kHz and trims outer silence to at most 100 ms."""
    if rate != 16000 and len(pcm):
        up, down = (320, 441) if rate == 22050 else (16000 // 1000, rate // 1000)
        pcm = np.clip(resample_poly(pcm.astype(np.float32), up, down), -32768, 32767).astype(np.int16)
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 200)
    if not len(loud):
        return pcm[:0]
    return pcm[max(0, loud[0] - 1600) : loud[-1] + 1600]


def flite(text: str, voice: str) -> np.ndarray:
    """Speaks English with flite."""
    out = subprocess.run(["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"], capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(out)) as clip:
        frames = (len(out) - 44) // 2
        return to_16k(np.frombuffer(clip.readframes(frames), dtype=np.int16), clip.getframerate())


def voice_of(lang: str, rng: random.Random, held_out: bool = False) -> str:
    """A voice name with variant; from the held-out ones where asked."""
    variant = rng.choice(HELD_OUT_VARIANTS if held_out else VARIANTS)
    base = "cmn-latn-pinyin" if lang == "zh" else HELD_OUT_EN_BASE if held_out else rng.choice(EN_BASES)
    return base + ("+" + variant if variant else "")


def trimmed(pcm: np.ndarray, front: bool, back: bool) -> np.ndarray:
    """Without the silence in front of it, behind it or both."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 200)
    if not len(loud):
        return pcm[:0]
    start, end = max(0, loud[0] - EDGE) if front else 0, loud[-1] + EDGE if back else len(pcm)
    return pcm[start:end]


def stopping(espeak: Espeak, parts: list[str], lang: str, rng: random.Random, starter: bool) -> np.ndarray:
    """The parts of a sentence in one espeak voice, the starter one or a random one, with 0 to 350 ms of silence between."""
    between = lambda bounds: rng.randint(*bounds)
    if starter:
        voice, prosody = STARTER[lang], tuple(map(between, (STARTER_RATE, STARTER_PITCH, STARTER_RANGE)))
    else:
        voice, prosody = voice_of(lang, rng), tuple(map(between, ((110, 225), (25, 75), (30, 70))))
    spoken = [" ".join(pinyin(part)) if lang == "zh" else part for part in parts]
    waves = [espeak.speak(part, voice, *prosody) for part in spoken]
    last, all_ = len(waves) - 1, []
    for number, wave in enumerate(waves):
        all_ += [trimmed(wave, number > 0, number < last), np.zeros(rng.randint(0, 5600) if number < last else 0, np.int16)]
    return np.concatenate(all_)


def clip(espeak: Espeak, text: str, lang: str, rng: random.Random, held_out: bool = False) -> np.ndarray:
    """One clip of a sentence in a random voice."""
    if lang == "en" and not held_out and rng.random() < 0.06:
        return flite(text, rng.choice(FLITE))
    spoken = " ".join(pinyin(text)) if lang == "zh" else text
    return espeak.speak(spoken, voice_of(lang, rng, held_out), rng.randint(110, 225), rng.randint(25, 75), rng.randint(30, 70))
