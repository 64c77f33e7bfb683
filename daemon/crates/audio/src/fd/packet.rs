//! The header of a packet of sound, 16 bytes, little endian.

/// What stands before the samples of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// Counts up with every reply and every flush; sound of another generation is stale.
    pub generation: u32,
    /// Index of the packet's first sample since the descriptor was opened.
    pub position: u64,
    /// [`Self::END`], [`Self::SILENT`].
    pub flags: u32,
}

impl PacketHeader {
    /// Length in bytes.
    pub const BYTES: usize = 16;
    /// Flag: an utterance ends with this packet.
    pub const END: u32 = 1;
    /// Flag: all samples are zero.
    pub const SILENT: u32 = 2;

    /// As it stands on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.generation.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.position.to_le_bytes());
        bytes[12..].copy_from_slice(&self.flags.to_le_bytes());
        bytes
    }

    /// Splits a packet into header and samples' bytes, `None` when it is too short.
    #[must_use]
    pub fn split(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (generation, rest) = packet.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let header = Self {
            generation: u32::from_le_bytes(*generation),
            position: u64::from_le_bytes(*position),
            flags: u32::from_le_bytes(*flags),
        };
        Some((header, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_a_short_packet_has_none() {
        let header = PacketHeader { generation: 7, position: 1 << 40, flags: PacketHeader::END };
        let mut packet = header.to_bytes().to_vec();
        assert_eq!(packet[..4], [7, 0, 0, 0]);
        packet.extend([1, 2]);
        assert_eq!(PacketHeader::split(&packet), Some((header, &[1, 2][..])));
        assert_eq!(PacketHeader::split(&packet[..15]), None);
    }
}
