//! The archive `torch.save` writes: a zip whose entries are stored as they are. Finds where each
//! entry's bytes lie in the file; reads nothing but the directory. Zip64 is understood
//! (PKWARE APPNOTE 6.3, sections 4.3.12 to 4.3.16 and 4.5.3).

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

/// Longest tail in which the end of the directory can lie: its 22 bytes and a comment.
const END_SEARCH: u64 = 22 + 65_535;
const END_MAGIC: [u8; 4] = *b"PK\x05\x06";
const END64_MAGIC: [u8; 4] = *b"PK\x06\x06";
const LOCATOR64_MAGIC: [u8; 4] = *b"PK\x06\x07";
const ENTRY_MAGIC: [u8; 4] = *b"PK\x01\x02";
const LOCAL_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// Whether a file begins as such an archive. GPT-SoVITS puts two digits, `00` to `06`, that name the
/// model's version, over the first two bytes (`process_ckpt.py`).
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(&LOCAL_MAGIC)
        || matches!(head, [b'0', b'0'..=b'6', rest @ ..] if rest.starts_with(&LOCAL_MAGIC[2..]))
}

/// Why an archive could not be listed.
#[derive(Debug)]
pub(super) enum ZipError {
    /// The file could not be read.
    Read(io::Error),
    /// It is no archive of the expected kind.
    Malformed(String),
}

impl From<io::Error> for ZipError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn malformed<T>(problem: impl Into<String>) -> Result<T, ZipError> {
    Err(ZipError::Malformed(problem.into()))
}

/// Little-endian numbers out of a slice whose length was checked by `get`.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ZipError> {
        match self.0.split_at_checked(count) {
            Some((head, rest)) => {
                self.0 = rest;
                Ok(head)
            }
            None => malformed("the archive's directory ends too early"),
        }
    }

    fn number(&mut self, count: usize) -> Result<u64, ZipError> {
        Ok(self.take(count)?.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    fn skip(&mut self, count: usize) -> Result<(), ZipError> {
        self.take(count).map(|_| ())
    }
}

/// Where the entries of an archive lie: name to range of bytes in the file.
pub(super) fn entries(file: &mut File) -> Result<BTreeMap<String, Range<u64>>, ZipError> {
    let length = file.seek(SeekFrom::End(0))?;
    let (begin, size) = directory(file, length)?;
    match begin.checked_add(size) {
        Some(end) if end <= length => {}
        _ => {
            return malformed("the archive's directory lies outside the file; it may be cut short");
        }
    }
    let directory = read_at(file, begin, size)?;
    let mut fields = Fields(&directory);
    let mut entries = BTreeMap::new();
    while !fields.0.is_empty() {
        let (name, stored, local) = entry(&mut fields)?;
        if name.ends_with('/') {
            continue;
        }
        let range = data(file, &name, local, stored, length)?;
        entries.insert(name, range);
    }
    Ok(entries)
}

/// Reads `size` bytes at `begin`; both were compared with the file's length.
fn read_at(file: &mut File, begin: u64, size: u64) -> Result<Vec<u8>, ZipError> {
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    let read = file.take(size).read_to_end(&mut bytes)?;
    if read as u64 == size { Ok(bytes) } else { malformed("the file is cut short") }
}

/// Begin and size of the directory.
fn directory(file: &mut File, length: u64) -> Result<(u64, u64), ZipError> {
    let begin = length.saturating_sub(END_SEARCH);
    let tail = read_at(file, begin, length - begin)?;
    let Some(at) = tail.windows(4).rposition(|window| window == END_MAGIC) else {
        return malformed("no archive directory at the end; the file may be cut short");
    };
    let mut end = Fields(&tail[at + 4..]);
    end.skip(8)?;
    let (size, offset) = (end.number(4)?, end.number(4)?);
    let comment = end.number(2)?;
    end.take(usize::try_from(comment).unwrap_or(usize::MAX))?;
    if size < 0xFFFF_FFFF && offset < 0xFFFF_FFFF {
        return Ok((offset, size));
    }
    let Some(locator) = at.checked_sub(20).and_then(|from| tail.get(from..at)) else {
        return malformed("the large archive's directory cannot be located");
    };
    let mut locator = Fields(locator);
    if locator.take(4)? != LOCATOR64_MAGIC {
        return malformed("the large archive's directory cannot be located");
    }
    locator.skip(4)?;
    let end64 = locator.number(8)?;
    if end64.checked_add(56).is_none_or(|end| end > length) {
        return malformed("the large archive's directory lies outside the file");
    }
    let bytes = read_at(file, end64, 56)?;
    let mut fields = Fields(&bytes);
    if fields.take(4)? != END64_MAGIC {
        return malformed("the large archive's directory is damaged");
    }
    fields.skip(36)?;
    let size = fields.number(8)?;
    Ok((fields.number(8)?, size))
}

/// One entry of the directory: name, size, place of its local header.
fn entry(fields: &mut Fields<'_>) -> Result<(String, u64, u64), ZipError> {
    if fields.take(4)? != ENTRY_MAGIC {
        return malformed("the archive's directory is damaged");
    }
    fields.skip(6)?;
    let method = fields.number(2)?;
    fields.skip(8)?;
    let (packed, stored) = (fields.number(4)?, fields.number(4)?);
    let lengths = [fields.number(2)?, fields.number(2)?, fields.number(2)?];
    fields.skip(8)?;
    let local = fields.number(4)?;
    let [name, extra, comment] = lengths.map(|length| usize::try_from(length).unwrap_or(0));
    let name = String::from_utf8_lossy(fields.take(name)?).into_owned();
    let extra = fields.take(extra)?;
    fields.skip(comment)?;
    let (packed, stored, local) = large_sizes(extra, packed, stored, local)?;
    if method != 0 || packed != stored {
        return malformed(format!("entry {name} is compressed; torch stores its entries plainly"));
    }
    Ok((name, stored, local))
}

/// Replaces sizes that are too large for 32 bits by those of the zip64 field.
fn large_sizes(
    extra: &[u8],
    packed: u64,
    stored: u64,
    local: u64,
) -> Result<(u64, u64, u64), ZipError> {
    let mut sizes = [stored, packed, local];
    let mut extra = Fields(extra);
    while extra.0.len() >= 4 {
        let (id, length) = (extra.number(2)?, extra.number(2)?);
        let mut field = Fields(extra.take(usize::try_from(length).unwrap_or(usize::MAX))?);
        if id == 1 {
            for size in sizes.iter_mut().filter(|size| **size == 0xFFFF_FFFF) {
                *size = field.number(8)?;
            }
        }
    }
    Ok((sizes[1], sizes[0], sizes[2]))
}

/// Where the bytes of an entry lie: behind its local header, whose own extra field may differ.
fn data(
    file: &mut File,
    name: &str,
    local: u64,
    size: u64,
    length: u64,
) -> Result<Range<u64>, ZipError> {
    if local.checked_add(30).is_none_or(|end| end > length) {
        return malformed(format!("entry {name} lies outside the file"));
    }
    let header = read_at(file, local, 30)?;
    let mut fields = Fields(&header);
    let magic = fields.take(4)?;
    if magic != LOCAL_MAGIC && !(local == 0 && begins(magic)) {
        return malformed(format!("entry {name} has a damaged header"));
    }
    fields.skip(22)?;
    let begin = local + 30 + fields.number(2)? + fields.number(2)?;
    match begin.checked_add(size) {
        Some(end) if end <= length => Ok(begin..end),
        _ => malformed(format!("entry {name} lies outside the file")),
    }
}
