//! The append-only journal. A frame is `magic, length, crc32, payload`, all integers little-endian
//! u32; it is on disk (fdatasync) before its write is acknowledged. A torn tail is cut off; damage in
//! the middle costs the frames it hit and no others.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::record::{Change, decode, encode};

const MAGIC: [u8; 4] = *b"cJ01";
const HEADER: usize = 12;

/// What reading the journal found.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) changes: Vec<Change>,
    pub(crate) bytes: u64,
    /// Bytes that belong to no valid frame, in the middle.
    pub(crate) damaged_bytes: u64,
    /// Bytes cut off at the end.
    pub(crate) torn_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    bytes: u64,
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { what, path: path.to_owned(), source }
}

/// The frame at `at`: its payload and where the next one begins.
fn frame_at(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let header = data.get(at..at + HEADER)?;
    if header[..4] != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let crc = u32::from_le_bytes(header[8..12].try_into().ok()?);
    let end = at.checked_add(HEADER)?.checked_add(usize::try_from(length).ok()?)?;
    let payload = data.get(at + HEADER..end)?;
    (crc32fast::hash(payload) == crc).then_some((payload, end))
}

fn replay(data: &[u8]) -> (Replay, usize) {
    let mut found = Replay::default();
    let (mut at, mut good_end) = (0, 0);
    while at < data.len() {
        match frame_at(data, at).and_then(|(payload, end)| Some((decode(payload)?, end))) {
            Some((changes, end)) => {
                found.damaged_bytes += (at - good_end) as u64;
                found.changes.extend(changes);
                at = end;
                good_end = end;
            }
            None => at += 1,
        }
    }
    found.torn_bytes = (data.len() - good_end) as u64;
    found.bytes = good_end as u64;
    (found, good_end)
}

/// One frame with these changes.
fn frame(changes: &[Change]) -> Vec<u8> {
    let mut payload = Vec::new();
    changes.iter().for_each(|change| encode(change, &mut payload));
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    frame.extend_from_slice(&payload);
    frame
}

/// Makes a rename or a new file in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io("cannot sync", folder, e))
}

impl Journal {
    /// Opens or makes `folder/journal.log`, reads it and cuts off a torn tail.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Replay), StoreError> {
        let path = folder.join("journal.log");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(|e| io("cannot open", &path, e))?;
        let mut data = Vec::new();
        file.read_to_end(&mut data).map_err(|e| io("cannot read", &path, e))?;
        let (found, good_end) = replay(&data);
        if good_end < data.len() {
            file.set_len(good_end as u64).map_err(|e| io("cannot cut", &path, e))?;
        }
        file.seek(SeekFrom::Start(good_end as u64)).map_err(|e| io("cannot seek in", &path, e))?;
        file.sync_all().map_err(|e| io("cannot sync", &path, e))?;
        sync_folder(folder)?;
        Ok((Self { file, path, bytes: found.bytes }, found))
    }

    /// Writes the changes as one frame, all or nothing, and waits until they are on disk.
    pub(crate) fn append(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let frame = frame(changes);
        let written = self.file.write_all(&frame).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a frame would be cut off at the next start; cut it now, so that the next
            // acknowledged frame does not stand behind rubbish.
            let cut = self.file.set_len(self.bytes);
            let back = self.file.seek(SeekFrom::Start(self.bytes));
            let _ = (cut, back);
            return Err(io("cannot append to", &self.path, error));
        }
        self.bytes += frame.len() as u64;
        Ok(())
    }

    /// Replaces the journal by one that holds only `changes`. Safe against a kill at any moment: the
    /// new file is complete and on disk before it takes the name.
    pub(crate) fn compact(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let next = self.path.with_extension("next");
        let mut file = File::create(&next).map_err(|e| io("cannot create", &next, e))?;
        let mut bytes = 0;
        for part in changes.chunks(256) {
            let frame = frame(part);
            file.write_all(&frame).map_err(|e| io("cannot write", &next, e))?;
            bytes += frame.len() as u64;
        }
        file.sync_all().map_err(|e| io("cannot sync", &next, e))?;
        std::fs::rename(&next, &self.path).map_err(|e| io("cannot rename", &next, e))?;
        if let Some(folder) = self.path.parent() {
            sync_folder(folder)?;
        }
        self.file = file;
        self.bytes = bytes;
        Ok(())
    }

    /// Size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Tree;

    fn change(n: u8) -> Change {
        Change { tree: Tree::Memories, key: vec![n], value: Some(vec![n; 20]) }
    }

    #[test]
    fn damage_in_the_middle_costs_only_what_it_hit() {
        let mut data: Vec<u8> = (0..10).flat_map(|n| frame(&[change(n)])).collect();
        let length = data.len() / 10;
        data[3 * length + 15] ^= 0xff;
        let (found, _) = replay(&data);
        assert_eq!(found.changes.len(), 9);
        assert_eq!(found.damaged_bytes, length as u64);
        assert_eq!(found.torn_bytes, 0);
    }

    #[test]
    fn every_cut_of_the_tail_keeps_all_whole_frames() {
        let data: Vec<u8> = (0..5).flat_map(|n| frame(&[change(n)])).collect();
        let length = data.len() / 5;
        for cut in 0..=data.len() {
            let (found, end) = replay(&data[..cut]);
            assert_eq!(found.changes.len(), cut / length, "cut at {cut}");
            assert_eq!(end, cut / length * length);
        }
    }
}
