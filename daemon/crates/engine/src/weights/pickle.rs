//! The pickle in a `torch.save` file, read for its tensors alone: names, types, shapes and the
//! storages they lie in. Nothing is imported or called; what is no tensor is passed over. Values
//! live in one arena whose size is bounded by the file's, so no nesting can exhaust the stack; what a
//! program recalls is never copied, so that a few bytes cannot fill the memory.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// Where and how a tensor is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredTensor {
    /// Class of the storage, for example `HalfStorage`.
    pub(super) storage_class: String,
    /// Name of the storage's entry below `data/`.
    pub(super) storage_key: String,
    /// Elements before the first.
    pub(super) offset: u64,
    /// Sizes of the dimensions.
    pub(super) shape: Vec<u64>,
    /// Elements from one index to the next, per dimension.
    pub(super) strides: Vec<u64>,
}

type Id = usize;

/// A value. An opcode of one byte makes one, so it is kept small.
#[derive(Clone, Debug)]
enum Node {
    Nothing,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// An instance of a plain settings class: the dictionaries of its attributes.
    Object(Vec<Id>),
    Global(String),
    Persistent(Id),
    /// A tensor's description, understood when it is asked for.
    Tensor(Id),
    Opaque,
}

/// Names under which a checkpoint nests its tensors.
const NESTED_UNDER: [&str; 4] = ["state_dict", "model_state_dict", "model", "weight"];
/// Class of a settings object whose attributes are read (GPT-SoVITS, `utils.HParams`).
const SETTINGS_CLASS: &str = "HParams";
/// Most values of settings that are kept, and how deep they may nest.
const MOST_SETTINGS: usize = 10_000;
const DEEPEST_SETTING: usize = 12;
/// Longest text kept; a longer one names nothing.
const LONGEST_NAME: u64 = 256;
/// Longest name of a class with its module that is put together from two texts.
const LONGEST_CLASS: usize = 128;
/// Most dimensions of a tensor.
const MOST_DIMENSIONS: usize = 8;
/// Prefix of names saved from a wrapped module.
const WRAPPED: &str = "module.";

/// The tensors of a pickle by name.
#[cfg(test)]
fn tensors(pickle: &[u8]) -> Result<BTreeMap<String, StoredTensor>, String> {
    contents(pickle).map(|(tensors, _)| tensors)
}

/// The tensors of a pickle by name, and what stands beside them as plain data: the values of the
/// outermost dictionary that are no tensors (`config`, `info`), null where there is none.
pub(super) fn contents(pickle: &[u8]) -> Result<(BTreeMap<String, StoredTensor>, Value), String> {
    let mut machine = Machine { bytes: pickle, ..Machine::default() };
    let root = machine.run().map_err(|problem| format!("{problem} at byte {}", machine.at))?;
    let Node::Dict(mut items) = machine.nodes[root].clone() else {
        return Err("the pickle holds no dictionary of tensors".into());
    };
    let settings = machine.settings(&items)?;
    for name in NESTED_UNDER {
        let nested = items.iter().find(|(key, value)| {
            machine.is_text(*key, name) && matches!(machine.nodes[*value], Node::Dict(_))
        });
        if let Some(Node::Dict(inner)) = nested.map(|(_, value)| machine.nodes[*value].clone()) {
            items = inner;
            break;
        }
    }
    let mut tensors = BTreeMap::new();
    for (key, value) in items {
        if let (Node::Text(name), Node::Tensor(arguments)) =
            (&machine.nodes[key], &machine.nodes[value])
        {
            let tensor = machine
                .stored_tensor(*arguments)
                .map_err(|problem| format!("tensor {name}: {problem}"))?;
            tensors.insert(name.strip_prefix(WRAPPED).unwrap_or(name).to_owned(), tensor);
        }
    }
    Ok((tensors, settings))
}

/// The stack machine a pickle is a program for.
#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

type Step<T> = Result<T, String>;

impl Machine<'_> {
    fn is_text(&self, id: Id, text: &str) -> bool {
        matches!(&self.nodes[id], Node::Text(have) if have == text)
    }

    fn take(&mut self, count: u64) -> Step<&[u8]> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        match end.and_then(|end| Some((end, self.bytes.get(self.at..end)?))) {
            Some((end, bytes)) => {
                self.at = end;
                Ok(bytes)
            }
            None => Err("the pickle ends too early".into()),
        }
    }

    fn number(&mut self, bytes: u64) -> Step<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    fn text(&mut self, length: u64) -> Step<String> {
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| "a name is no text".into())
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("a line has no end")?;
        if length as u64 > LONGEST_NAME {
            return Err("the name of a class is too long".into());
        }
        let text = self.text(length as u64)?;
        self.at += 1;
        Ok(text)
    }

    fn push(&mut self, node: Node) {
        self.nodes.push(node);
        self.stack.push(self.nodes.len() - 1);
    }

    fn pop(&mut self) -> Step<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() > floor {
            self.stack.pop().ok_or_else(|| "the stack is empty".into())
        } else {
            Err("the stack is empty".into())
        }
    }

    fn top(&self) -> Step<Id> {
        self.stack.last().copied().ok_or_else(|| "the stack is empty".into())
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn run(&mut self) -> Step<Id> {
        loop {
            let opcode = self.take(1)?[0];
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    /// Carries out one opcode (numbers and letters as in Python's `pickletools`).
    fn step(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            0x80 => self.number(1).map(|_| ()),
            0x95 => self.number(8).map(|_| ()),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            b'N' | 0x88 | 0x89 => {
                self.push(if opcode == b'N' { Node::Nothing } else { Node::Bool(opcode == 0x88) });
                Ok(())
            }
            b'J' | b'K' | b'M' | 0x8A | b'G' | b'X' | 0x8C | 0x8D => self.literal(opcode),
            b')' | b't' | 0x85..=0x87 => self.tuple(opcode),
            b']' | b'}' | b'l' | b'd' | b'a' | b'e' | b's' | b'u' => self.collection(opcode),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.remember(opcode),
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.push(Node::Global(name));
                Ok(())
            }
            0x93 => self.stack_global(),
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id));
                Ok(())
            }
            b'R' | 0x81 => self.call(),
            b'b' => self.build(),
            other => Err(format!("opcode {other:#04x} does not occur in weight files")),
        }
    }

    fn literal(&mut self, opcode: u8) -> Step<()> {
        let node = match opcode {
            b'J' => {
                #[expect(clippy::cast_possible_truncation, reason = "four bytes were read")]
                let bits = self.number(4)? as u32;
                Node::Int(i64::from(bits.cast_signed()))
            }
            b'K' => Node::Int(self.number(1)?.cast_signed()),
            b'M' => Node::Int(self.number(2)?.cast_signed()),
            0x8A => self.long()?,
            b'G' => Node::Float(f64::from_bits(
                self.take(8)?.iter().fold(0, |n, &b| n << 8 | u64::from(b)),
            )),
            other => {
                let length = self.number(match other {
                    0x8C => 1,
                    0x8D => 8,
                    _ => 4,
                })?;
                if length > LONGEST_NAME {
                    self.take(length)?;
                    Node::Opaque
                } else {
                    Node::Text(self.text(length)?)
                }
            }
        };
        self.push(node);
        Ok(())
    }

    /// An integer of any length; those beyond 64 bits have no use here.
    fn long(&mut self) -> Step<Node> {
        let length = self.number(1)?;
        let bytes = self.take(length)?;
        if bytes.len() > 8 {
            return Ok(Node::Opaque);
        }
        let negative = bytes.last().is_some_and(|&byte| byte & 0x80 != 0);
        let mut full = [if negative { 0xFF } else { 0 }; 8];
        full[..bytes.len()].copy_from_slice(bytes);
        Ok(Node::Int(i64::from_le_bytes(full)))
    }

    fn tuple(&mut self, opcode: u8) -> Step<()> {
        let items = match opcode {
            b')' => Vec::new(),
            b't' => self.pop_to_mark()?,
            counted => {
                let mut items = (0x84..counted).map(|_| self.pop()).collect::<Step<Vec<_>>>()?;
                items.reverse();
                items
            }
        };
        self.push(Node::Tuple(items));
        Ok(())
    }

    fn collection(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            b']' => self.push(Node::List(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Node::List(items));
            }
            b'd' => {
                let pairs = pairs(&self.pop_to_mark()?)?;
                self.push(Node::Dict(pairs));
            }
            b'a' | b'e' => {
                let items = if opcode == b'a' { vec![self.pop()?] } else { self.pop_to_mark()? };
                let list = self.top()?;
                if let Node::List(have) = &mut self.nodes[list] {
                    have.extend(items);
                }
            }
            _ => {
                let items = if opcode == b's' {
                    let value = self.pop()?;
                    vec![self.pop()?, value]
                } else {
                    self.pop_to_mark()?
                };
                let pairs = pairs(&items)?;
                let dict = self.top()?;
                if let Node::Dict(have) = &mut self.nodes[dict] {
                    have.extend(pairs);
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            b'h' | b'j' => {
                let key = self.number(if opcode == b'h' { 1 } else { 4 })?;
                let id = *self.memo.get(&key).ok_or("something never stored is recalled")?;
                self.stack.push(id);
            }
            _ => {
                let key = match opcode {
                    b'q' => self.number(1)?,
                    b'r' => self.number(4)?,
                    _ => self.memo.len() as u64,
                };
                let id = self.top()?;
                self.memo.insert(key, id);
            }
        }
        Ok(())
    }

    fn stack_global(&mut self) -> Step<()> {
        let (name, module) = (self.pop()?, self.pop()?);
        let node = match (&self.nodes[module], &self.nodes[name]) {
            (Node::Text(module), Node::Text(name))
                if module.len() + name.len() >= LONGEST_CLASS =>
            {
                Node::Opaque
            }
            (Node::Text(module), Node::Text(name)) => Node::Global(format!("{module}.{name}")),
            _ => return Err("a class has no name".into()),
        };
        self.push(node);
        Ok(())
    }

    /// A call of a class or function: tensors and dictionaries are understood, nothing is executed.
    fn call(&mut self) -> Step<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let name = match &self.nodes[callee] {
            Node::Global(name) => name.as_str(),
            _ => "",
        };
        let node = match name {
            "collections.OrderedDict" => Node::Dict(Vec::new()),
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => {
                Node::Tensor(arguments)
            }
            "torch._utils._rebuild_parameter" => {
                if let Some(&first) = self.items(arguments).first() {
                    self.stack.push(first);
                    return Ok(());
                }
                Node::Opaque
            }
            name if name.rsplit('.').next() == Some(SETTINGS_CLASS) => Node::Object(Vec::new()),
            _ => Node::Opaque,
        };
        self.push(node);
        Ok(())
    }

    /// Gives a settings object its attributes; the state of anything else is passed over.
    fn build(&mut self) -> Step<()> {
        let state = self.pop()?;
        let object = self.top()?;
        let plain = matches!(self.nodes[state], Node::Dict(_));
        if let (true, Node::Object(have)) = (plain, &mut self.nodes[object]) {
            have.push(state);
        }
        Ok(())
    }

    /// The plain values among the items of the outermost dictionary.
    fn settings(&self, items: &[(Id, Id)]) -> Step<Value> {
        let mut left = MOST_SETTINGS;
        let mut found = serde_json::Map::new();
        for &(key, value) in items {
            if let (Node::Text(name), true) =
                (&self.nodes[key], NESTED_UNDER.iter().all(|nested| !self.is_text(key, nested)))
            {
                let value = self.plain(value, DEEPEST_SETTING, &mut left)?;
                if !value.is_null() {
                    found.insert(name.clone(), value);
                }
            }
        }
        Ok(if found.is_empty() { Value::Null } else { Value::Object(found) })
    }

    fn plain(&self, id: Id, depth: usize, left: &mut usize) -> Step<Value> {
        *left = left.checked_sub(1).ok_or("the settings beside the tensors are too large")?;
        let deeper = depth.checked_sub(1).ok_or("the settings beside the tensors nest too deep")?;
        Ok(match &self.nodes[id] {
            Node::Int(value) => Value::from(*value),
            Node::Float(value) => Value::from(*value),
            Node::Bool(value) => Value::from(*value),
            Node::Text(value) => Value::from(value.as_str()),
            Node::Tuple(items) | Node::List(items) => items
                .iter()
                .map(|&item| self.plain(item, deeper, left))
                .collect::<Step<Vec<_>>>()?
                .into(),
            Node::Dict(pairs) => {
                let mut map = serde_json::Map::new();
                self.add_plain(&mut map, pairs, deeper, left)?;
                Value::Object(map)
            }
            Node::Object(states) => {
                let mut map = serde_json::Map::new();
                for &state in states {
                    if let Node::Dict(pairs) = &self.nodes[state] {
                        self.add_plain(&mut map, pairs, deeper, left)?;
                    }
                }
                Value::Object(map)
            }
            Node::Nothing
            | Node::Global(_)
            | Node::Persistent(_)
            | Node::Tensor(_)
            | Node::Opaque => Value::Null,
        })
    }

    /// Adds the plain values of a dictionary's texts.
    fn add_plain(
        &self,
        map: &mut serde_json::Map<String, Value>,
        pairs: &[(Id, Id)],
        depth: usize,
        left: &mut usize,
    ) -> Step<()> {
        for &(key, value) in pairs {
            if let Node::Text(name) = &self.nodes[key] {
                map.insert(name.clone(), self.plain(value, depth, left)?);
            }
        }
        Ok(())
    }

    fn items(&self, id: Id) -> &[Id] {
        match &self.nodes[id] {
            Node::Tuple(items) | Node::List(items) => items,
            _ => &[],
        }
    }

    fn size(&self, id: Id) -> Step<u64> {
        match &self.nodes[id] {
            Node::Int(value) => {
                u64::try_from(*value).map_err(|_| "a tensor has a negative size".into())
            }
            _ => Err("a tensor's size is no number".into()),
        }
    }

    fn sizes(&self, id: Id) -> Step<Vec<u64>> {
        let items = self.items(id);
        if items.len() > MOST_DIMENSIONS {
            return Err(format!("a tensor has {} dimensions", items.len()));
        }
        items.iter().map(|&item| self.size(item)).collect()
    }

    /// Arguments: storage, offset, shape, strides; the rest is of no use here. The storage is
    /// `('storage', class, key, device, elements)`.
    fn stored_tensor(&self, arguments: Id) -> Step<StoredTensor> {
        let broken = || "a tensor is described in an unknown way".to_owned();
        let &[storage, offset, shape, strides, ..] = self.items(arguments) else {
            return Err(broken());
        };
        let Node::Persistent(storage) = self.nodes[storage] else { return Err(broken()) };
        let &[_, class, key, ..] = self.items(storage) else { return Err(broken()) };
        let (Node::Global(class), Node::Text(key)) = (&self.nodes[class], &self.nodes[key]) else {
            return Err(broken());
        };
        let class = class.rsplit('.').next().unwrap_or_default();
        Ok(StoredTensor {
            storage_class: class.to_owned(),
            storage_key: key.clone(),
            offset: self.size(offset)?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        })
    }
}

fn pairs(items: &[Id]) -> Step<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    } else {
        Err("a dictionary has a key without a value".into())
    }
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
