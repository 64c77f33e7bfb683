//! The playback node `companion.speaker`. Its callback pulls from the shared tap, and keeps what was played as
//! the reference of the echo canceller.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pipewire::core::CoreRc;
use pipewire::spa::utils::Direction;
use pipewire::stream::StreamRc;
use ringbuf::HeapProd;
use ringbuf::traits::Producer as _;

use super::capture::Stream;
use super::link::{connect, properties};
use super::{Inner, NodeSettings, SPEAKER};
use crate::shared_tap::{Player, SharedTap};

/// Samples pulled from the tap at a time; a cycle may take several.
const PIECE: usize = 256;

/// The callback's ends: sound to play, and the ring for what was played.
pub(super) struct PlaybackSource {
    tap: SharedTap,
    played: HeapProd<f32>,
    piece: [f32; PIECE],
}

impl PlaybackSource {
    pub(super) fn new(tap: SharedTap, played: HeapProd<f32>) -> Self {
        Self { tap, played, piece: [0.0; PIECE] }
    }

    /// Fills `out`, mono f32 in bytes; gives the bytes written.
    fn fill(&mut self, out: &mut [u8]) -> usize {
        let samples = out.as_chunks_mut::<4>().0;
        let count = samples.len();
        for part in samples.chunks_mut(PIECE) {
            let piece = &mut self.piece[..part.len()];
            self.tap.fill(Player::Node, piece);
            // Nobody takes the reference while a client is heard: then it is not needed either.
            let _ = self.played.push_slice(piece);
            for (bytes, sample) in part.iter_mut().zip(&*piece) {
                *bytes = sample.to_le_bytes();
            }
        }
        count * 4
    }
}

/// Makes the node.
pub(super) fn make(
    core: &CoreRc,
    settings: &NodeSettings,
    target: Option<&str>,
    inner: &Arc<Inner>,
) -> Result<Stream, pipewire::Error> {
    let props = properties(settings, SPEAKER, "Playback", target);
    let stream = StreamRc::new(core.clone(), SPEAKER, props)?;
    let inner = Arc::clone(inner);
    let listener = stream
        .add_local_listener::<()>()
        .process(move |stream, ()| {
            let Some(mut buffer) = stream.dequeue_buffer() else { return };
            let wanted = usize::try_from(buffer.requested()).unwrap_or(0);
            let Some(data) = buffer.datas_mut().first_mut() else { return };
            let Some(bytes) = data.data() else { return };
            let most = bytes.len() / 4;
            let frames = if wanted == 0 { most } else { wanted.min(most) };
            let bytes = &mut bytes[..frames * 4];
            let written = match inner.playback.take() {
                Some(mut source) => {
                    let written = source.fill(bytes);
                    inner.playback.store(Some(source));
                    written
                }
                None => {
                    bytes.fill(0);
                    bytes.len()
                }
            };
            inner.quantum.store(u64::try_from(frames).unwrap_or(0), Ordering::Relaxed);
            let chunk = data.chunk_mut();
            *chunk.offset_mut() = 0;
            *chunk.stride_mut() = 4;
            *chunk.size_mut() = u32::try_from(written).unwrap_or(0);
        })
        .register()?;
    connect(&stream, Direction::Output, settings.rate)?;
    Ok((stream, listener))
}
