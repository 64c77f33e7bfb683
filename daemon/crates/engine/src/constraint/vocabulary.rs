//! The bytes of all tokens of a vocabulary, in order and as a trie, so that one walk finds every token
//! that a form allows. Made once per model and shared.

use std::sync::Arc;

use crate::tokenizer::TextTokenizer;

/// A set of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMask {
    bits: Vec<u64>,
}

impl TokenMask {
    pub(super) fn none(size: usize) -> Self {
        Self { bits: vec![0; size.div_ceil(64)] }
    }

    pub(super) fn insert(&mut self, token: u32) {
        if let Some(word) = self.bits.get_mut(token as usize / 64) {
            *word |= 1 << (token % 64);
        }
    }

    /// Whether a token is in it.
    #[must_use]
    pub fn has(&self, token: u32) -> bool {
        self.bits.get(token as usize / 64).is_some_and(|word| word >> (token % 64) & 1 == 1)
    }

    /// Whether it holds no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    /// How many tokens it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// A place in the trie; its children lie in one run of [`Vocabulary::children`].
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// First child, and how many there are.
    children: (u32, u32),
    /// First token that ends here in [`Vocabulary::tokens`], and how many do.
    tokens: (u32, u32),
}

/// Tokens that are text, by their bytes.
#[derive(Debug)]
pub struct Vocabulary {
    tokenizer: Arc<TextTokenizer>,
    /// Bytes of each token; empty for those that are no text.
    bytes: Vec<Box<[u8]>>,
    nodes: Vec<Node>,
    /// Byte and node of each child.
    children: Vec<(u8, u32)>,
    /// In the order of their bytes.
    tokens: Vec<u32>,
}

/// Positions in vocabularies are far below 2^32.
#[expect(clippy::cast_possible_truncation, reason = "vocabularies have below 2^32 bytes")]
fn short(at: usize) -> u32 {
    at as u32
}

impl Vocabulary {
    /// The tokens of `tokenizer` below `size`, the model's number of logits; special tokens and those of
    /// `except` (what ends a reply) are no text.
    #[must_use]
    pub fn new(tokenizer: Arc<TextTokenizer>, size: usize, except: &[u32]) -> Self {
        let text = |id: u32| {
            let plain = !tokenizer.is_special(id) && !except.contains(&id);
            let bytes = if plain { tokenizer.token_bytes(id) } else { None };
            bytes.unwrap_or_default().into_boxed_slice()
        };
        let bytes: Vec<Box<[u8]>> = (0..short(size)).map(text).collect();
        Self::of(tokenizer, bytes)
    }

    fn of(tokenizer: Arc<TextTokenizer>, bytes: Vec<Box<[u8]>>) -> Self {
        let known = (0..short(bytes.len())).filter(|id| !bytes[*id as usize].is_empty());
        let mut tokens: Vec<u32> = known.collect();
        tokens.sort_by(|a, b| bytes[*a as usize].cmp(&bytes[*b as usize]));
        let mut made = Self { tokenizer, bytes, nodes: Vec::new(), children: Vec::new(), tokens };
        made.nodes.push(Node::default());
        // Each entry: a node, the run of tokens below it, how many bytes lead to it.
        let mut open = vec![(0, 0, made.tokens.len(), 0)];
        while let Some((node, from, to, depth)) = open.pop() {
            let ends = |at: usize| made.spelled(at).len() == depth;
            let here = (from..to).take_while(|at| ends(*at)).count();
            made.nodes[node].tokens = (short(from), short(here));
            let (mut at, first) = (from + here, made.children.len());
            while at < to {
                let byte = made.spelled(at)[depth];
                let same = |at: &usize| made.spelled(*at)[depth] == byte;
                let end = at + (at..to).take_while(same).count();
                let child = made.nodes.len();
                made.nodes.push(Node::default());
                made.children.push((byte, short(child)));
                open.push((child, at, end, depth + 1));
                at = end;
            }
            made.nodes[node].children = (short(first), short(made.children.len() - first));
        }
        made
    }

    /// Bytes of the token at a place of the order.
    fn spelled(&self, at: usize) -> &[u8] {
        &self.bytes[self.tokens[at] as usize]
    }

    /// How many ids there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of a token; none for one that is no text.
    #[must_use]
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], |bytes| bytes)
    }

    /// All tokens whose bytes `step` takes, one after another, from `start`; `step` gives the place after
    /// a byte, `None` where it may not come.
    pub(super) fn walk(
        &self,
        start: u32,
        mut step: impl FnMut(u32, u8) -> Option<u32>,
    ) -> TokenMask {
        let mut mask = TokenMask::none(self.bytes.len());
        let mut open = vec![(0u32, start)];
        while let Some((node, state)) = open.pop() {
            let Node { children, tokens } = self.nodes[node as usize];
            let run = |(from, count): (u32, u32)| from as usize..(from + count) as usize;
            self.tokens[run(tokens)].iter().for_each(|token| mask.insert(*token));
            for (byte, child) in &self.children[run(children)] {
                if let Some(state) = step(state, *byte) {
                    open.push((*child, state));
                }
            }
        }
        mask
    }

    /// The tokens of some text: the tokenizer's own where they spell it out, the longest that fit from
    /// the left otherwise. Ends where no token fits.
    #[must_use]
    pub fn spell(&self, text: &[u8]) -> Vec<u32> {
        let usual =
            std::str::from_utf8(text).ok().and_then(|t| self.tokenizer.encode(t, false).ok());
        if let Some(ids) = usual {
            let plain = ids.iter().all(|id| !self.bytes(*id).is_empty());
            let spelled: Vec<u8> = ids.iter().flat_map(|id| self.bytes(*id).to_vec()).collect();
            if plain && spelled == text {
                return ids;
            }
        }
        let (mut ids, mut left) = (Vec::new(), text);
        while let Some((token, length)) = self.longest(left) {
            ids.push(token);
            left = &left[length..];
        }
        ids
    }

    /// The longest token that `text` begins with, and its length.
    fn longest(&self, text: &[u8]) -> Option<(u32, usize)> {
        let (mut node, mut found) = (self.nodes[0], None);
        for (at, byte) in text.iter().enumerate() {
            let (from, count) = node.children;
            let children = &self.children[from as usize..(from + count) as usize];
            // Children lie in the order of their bytes.
            let Ok(place) = children.binary_search_by_key(byte, |(byte, _)| *byte) else { break };
            node = self.nodes[children[place].1 as usize];
            if node.tokens.1 > 0 {
                found = Some((self.tokens[node.tokens.0 as usize], at + 1));
            }
        }
        found
    }
}
