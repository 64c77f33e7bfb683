//! The capture node `companion.mic`. Its callback moves samples into a ring; what finds no room is dropped and
//! counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use companion_types::CAPTURE_RATE;
use pipewire::core::CoreRc;
use pipewire::spa::utils::Direction;
use pipewire::stream::{StreamListener, StreamRc};
use ringbuf::HeapProd;
use ringbuf::traits::Producer as _;

use super::link::{connect, properties};
use super::{Inner, MICROPHONE, NodeSettings};

/// The callback's end of the ring.
pub(super) struct CaptureSink(pub(super) HeapProd<f32>);

/// A stream that is connected; dropping it destroys the node.
pub(super) type Stream = (StreamRc, StreamListener<()>);

/// Makes the node.
pub(super) fn make(
    core: &CoreRc,
    settings: &NodeSettings,
    target: Option<&str>,
    inner: &Arc<Inner>,
) -> Result<Stream, pipewire::Error> {
    let props = properties(settings, MICROPHONE, "Capture", target);
    let stream = StreamRc::new(core.clone(), MICROPHONE, props)?;
    let inner = Arc::clone(inner);
    let listener = stream
        .add_local_listener::<()>()
        .process(move |stream, ()| {
            let Some(mut buffer) = stream.dequeue_buffer() else { return };
            let Some(data) = buffer.datas_mut().first_mut() else { return };
            let (from, size) = (data.chunk().offset(), data.chunk().size());
            let (Ok(from), Ok(size)) = (usize::try_from(from), usize::try_from(size)) else {
                return;
            };
            let Some(bytes) = data.data().and_then(|d| d.get(from..from.checked_add(size)?)) else {
                return;
            };
            let Some(mut sink) = inner.capture.take() else { return };
            let samples = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
            let count = samples.len();
            if sink.0.push_iter(samples) < count {
                inner.status.overruns.fetch_add(1, Ordering::Relaxed);
            }
            inner.capture.store(Some(sink));
        })
        .register()?;
    connect(&stream, Direction::Input, CAPTURE_RATE)?;
    Ok((stream, listener))
}
