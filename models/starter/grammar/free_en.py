"""Free English sentences: shapes filled with word classes, so that everyday words are heard in many contexts."""

from __future__ import annotations

import random
import re

from . import lexicon, words_en as w

DO, GO = w.table(w.DO), w.table(w.GO)
PLACES, WHEN = w.phrases(w.PLACES), w.phrases(w.WHEN)
ODD_PLURALS = {"man": "men", "woman": "women", "child": "children", "foot": "feet", "tooth": "teeth", "mouse": "mice", "knife": "knives", "wife": "wives", "leaf": "leaves", "shelf": "shelves", "wolf": "wolves", "thief": "thieves", "sheep": "sheep", "fish": "fish", "person": "people"}

SHAPES = """{subj} {did} {np}|{subj} {did} {np} {where}|{subj} {did} {np} {when}|{subj} {went} {where}|{subj} {went} {when}|{subj} {went} {where} {when}|{subj} {was} {adj}|{subj} {was} {adv} {adj}|{subj} {was} {adj} {when}|{subj} {was} {where} {when}
|{subj} {was} {doing} {np}|{subj} {was} {going} {where}|{subj} {was} {going} {when}|{subj} {mod} {do} {np}|{subj} {mod} {do} {np} {when}|{subj} {mod} {go} {where}|{subj} {mod} {go} {when}|{subj} {mod} be {adj} {when}|{subj} {wantto} {do} {np}|{subj} {wantto} {go} {where}
|{subj} {neg} {do} {np}|{subj} {neg} {go} {when}|{subj} {neg} {do} {np} {when}|{subj} {have} {done} {np}|{subj} {have} {gone} {where}|{subj} {have} never {done} {np}|i {neg} know {whclause}|i wonder {whclause}|do you know {whclause}|can you tell me {whclause}|i forgot {whclause}|tell me {whclause}
|{ask} {do} {np}|{ask} {go} {where}|{ask} {do} {np} {when}|{wh} {didsubj} {do} {np}|{wh} {didsubj} {go}|what {didsubj} {do} {where}|who {did} {np}|who {went} {where}|where {is} {np}|why {is} {np} so {adj}|how {adj} is {np}|is {np} {adj}|is {np} {where}|are {nps} {adj}|what is {where}|who is {where}
|how many {pl} {dosubj} have|how much {mass} {dosubj} need|there is a {n} {where}|there are {num} {pl} {where}|there is no {mass} {where}|is there a {n} {where}|are there any {pl} {where}|{np} is {adj}|{np} is {adv} {adj}|{np} is {where}|{nps} are {adj}|{nps} are {where}|{np} was {adj} {when}
|{imp} {np}|{imp} {np} {where}|{imp} {np} {when}|please {imp} {np}|don't {do} {np}|don't {go} {where}|let's {do} {np}|let's {go} {where}|let's {go} {when}|let me {do} {np}|go and {do} {np}|come and {do} {np}|never {do} {np} {where}
|i think {np} is {adj}|i think {subj} {mod} {do} {np}|i hope {subj} {mod} {go} {when}|i know {subj} {did} {np}|i am sure {subj} {mod} {do} {np}|{person} said {np} was {adj}|{person} told me to {do} {np}|{person} asked me to {go} {where}|{person} gave me a {adj} {n}|{person} bought me {np}|{person} made {mass} for {who}
|{subj} {did} {np} because {subj} {was} {adj}|if {subj} {did} {np} {subj} would be {adj}|when {subj} {went} {where} {subj} {did} {np}|{subj} {did} {np} and {did} {np}|{subj} {went} {where} but {subj} {was} {adj}|before {subj} {go} {subj} {did} {np}|after {subj} {did} {np} {subj} {went} {where}|{subj} {did} {np} or {np}
|{np} or {np}|{np} and {np}|{adj} and {adj}|a {adj} {n}|the {adj} {n} {where}|{num} {pl}|some {mass}|more {mass} please|no more {pl}|{where}|{when}|not {when}|{subj} {was} not {adj}|i am {adv} {adj} {when}|i feel {adj} {when}|it is {adj} {when}|it was {adv} {adj}|that was {adj}|this is {np}|this {n} is {adj}|that {n} was {adv} {adj}|these {pl} are {adj}|those {pl} are too {adj}
|it takes {num} hours|it costs {num} dollars|it is {num} o'clock|i have {num} {pl}|{subj} {have} {num} {pl} {where}|my {n} is {adjer} than yours|{np} is as {adj} as {np}|it is getting {adj}|you look {adj} {when}|you sound {adj}|that smells {adj}|this tastes {adj}|i like {doing} {np}|i enjoy {going} {where}|i am tired of {doing} {np}|thank you for {doing} {np}|i am good at {doing} {np}|what about {doing} {np}|how about a {n}
|have you ever {done} {np}|have you {done} {np} yet|i have already {done} {np}|i just {did} {np}|i used to {do} {np}|i had to {do} {np} {when}|i could not {do} {np}|i would like to {do} {np}|i would rather {go} {where}|i'd like some {mass}|i'll {do} {np} {when}|i'm {doing} {np}|i've {done} {np}|we're {going} {where}|he's {going} {when}|she's {doing} {np}|they've {done} {np}|it's {adj} {where}|you're {adv} {adj}|that's a {adj} {n}|what's {where}|who's {going} {where}
|{n} {n}|what a {adj} {n}|how {adj}|so {adj}|too {adj}|very {adj} {n}|which {n} do you like|which {n} is {adj}|whose {n} is this|what kind of {n} is it|what color is {np}|where can i buy a {n}|how do i {do} a {n}|why {didsubj} {do} {np}|what if {subj} {go} {where}|nobody {went} {where}|everybody {was} {adj}|something is {adj} {where}|nothing is {adj}|someone {did} my {n}|my {n} and my {n} are {where}|{name} and {name} {went} {where}"""
SHAPES = SHAPES.replace("\n", "").split("|")

RULES = {
    "subj": "i|i|i|you|we|they|he|she|it|{person}|{person}|{name}|the {n}|my {n}|{person} and i",
    "person": "my {kin}|my {kin}|our {kin}|the {kin}|her {kin}|his {kin}|your {kin}",
    "who": "me|you|us|them|him|her|{person}|everyone|the children|{name}",
    "np": "the {n}|the {n}|a {n}|my {n}|your {n}|his {n}|her {n}|our {n}|this {n}|that {n}|the {adj} {n}|a {adj} {n}|my {adj} {n}|some {mass}|the {mass}|{mass}|the {pl}|some {pl}|my {pl}|{num} {pl}|it|them|something|everything|nothing|anything|another {n}|the other {n}|{who}|the {n} of {person}|the first {n}|the last {n}|a lot of {pl}|a piece of {mass}|a cup of {mass}|a glass of {mass}|a bottle of {mass}",
    "nps": "the {pl}|my {pl}|your {pl}|these {pl}|all {pl}|some {pl}|the {adj} {pl}",
    "was": "is|was|will be|am|are|were",
    "mod": "can|can't|will|won't|should|shouldn't|must|may|might|could|would|have to|has to|don't have to",
    "wantto": "want to|wants to|wanted to|need to|needs to|like to|love to|hate to|try to|tried to|forgot to|plan to|hope to|decided to|promised to|going to|used to|am going to|is going to|are going to",
    "neg": "don't|didn't|doesn't|never|can't|won't|couldn't|do not|did not",
    "have": "have|has|had",
    "is": "is|was|are",
    "whclause": "where {np} is|what {subj} {did}|why {subj} {was} {adj}|how to {do} {np}|when to {go}|who {did} {np}|if {subj} {mod} {go}|where {subj} {went}|what to {do}|how {adj} {np} is|when {subj} {mod} {go}",
    "ask": "do you|did you|can you|could you|will you|would you|should i|can i|may i|shall we|can we|did he|does she|do they|did my {kin}|does it|do we|do i|must i|could we|can {name}|did {name}|would you like to|do you want to|do you like to|are you going to|do you have to|do i need to",
    "didsubj": "did you|did i|did he|did she|did they|do you|do i|does he|does she|should i|can i|can we|will you|would you|did my {kin}|does {name}",
    "dosubj": "do you|do we|do i|does she|does he|do they",
    "wh": "why|when|where|how|how often|what time|with whom",
    "imp": "{do}|{do}|{do}|bring|give me|show me|look at|tell me about|put away|turn on|turn off|pick up|take|listen to|think about|talk about|remember",
    "num": "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|fifty|a hundred|a thousand|many|a few|several|no",
    "adjer": "bigger|smaller|better|worse|older|newer|nicer|faster|cheaper|heavier|longer|warmer|more expensive|more beautiful",
}
RULES = {k: v.split("|") for k, v in RULES.items()}
SLOT = re.compile(r"\{(\w+)\}")


def plural(noun: str) -> str:
    """The plural of a listed noun."""
    if noun in ODD_PLURALS:
        return ODD_PLURALS[noun]
    if noun.endswith(("s", "sh", "ch", "x")) or noun in ("potato", "tomato"):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def word(kind: str, rng: random.Random) -> str:
    """One filling of a slot; may hold slots again."""
    if kind in RULES:
        return rng.choice(RULES[kind])
    forms = {"do": (DO, 0), "did": (DO, 1), "done": (DO, 2), "doing": (DO, 3), "go": (GO, 0), "went": (GO, 1), "gone": (GO, 2), "going": (GO, 3)}
    if kind in forms:
        rows, column = forms[kind]
        return rng.choice(rows)[column]
    if kind == "name":
        return lexicon.value("name", "en", rng).lower()
    if kind == "pl":
        return plural(rng.choice(w.NOUNS))
    lists = {"n": w.NOUNS, "mass": w.MASS, "kin": w.PEOPLE, "adj": w.ADJ, "adv": w.ADV, "where": PLACES, "when": WHEN}
    return rng.choice(lists[kind])


def free(rng: random.Random) -> str:
    """A free sentence of at most twelve words."""
    while True:
        text = rng.choice(SHAPES)
        while (match := SLOT.search(text)) is not None:
            text = text[: match.start()] + word(match.group(1), rng) + text[match.end():]
        text = re.sub(r"\ba (?=[aeiou])", "an ", text)
        if len(text.split()) <= 12:
            return text
