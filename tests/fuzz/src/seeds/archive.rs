//! The archive of `torch.save`: a zip of plainly stored entries.

/// Bytes of the storage `0` that goes with a pickle.
pub const STORAGE: usize = 256;

fn local(name: &str, size: usize) -> Vec<u8> {
    let mut header = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    let size = u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    header.extend([size, size].concat());
    header.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    header.extend([0, 0]);
    header.extend(name.as_bytes());
    header
}

/// A zip of these entries, in order.
#[must_use]
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let at = u32::try_from(file.len()).unwrap_or(u32::MAX);
        let header = local(name, bytes.len());
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&header[4..30]);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
        file.extend(header);
        file.extend_from_slice(bytes);
    }
    let (at, count) = (file.len(), u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes());
    let word = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].concat());
    file.extend([word(directory.len()), word(at)].concat());
    file.extend([0, 0]);
    file
}

/// What `torch.save` makes of a pickle and one storage, `0`, of [`STORAGE`] bytes.
#[must_use]
pub fn torch(pickle: &[u8]) -> Vec<u8> {
    let storage: Vec<u8> = (0..STORAGE).map(|at| at.to_le_bytes()[0]).collect();
    zip(&[
        ("m/data.pkl", pickle),
        ("m/byteorder", b"little"),
        ("m/data/0", &storage),
        ("m/version", b"3\n"),
    ])
}
