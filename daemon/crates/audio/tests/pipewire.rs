//! The PipeWire device against a PipeWire of the test's own: sound goes out and comes in, restarts and
//! vanishing devices are survived, a flush is silent soon, and the daemon does not hear itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod graph;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use companion_audio::{
    DeviceEvent, LostReason, NodeRole, PipewireControl, PipewireSettings, Playback, SharedTap,
    pipewire_device, playback, write_wav,
};
use companion_types::{AudioFrame, Cancel, FRAME_SAMPLES, SampleRate, TurnId};
use graph::{Graph, wait_for};

const RATE: SampleRate = SampleRate(24_000);

/// A device on threads of the test's own.
struct Device {
    control: PipewireControl,
    playback: Playback,
    events: Receiver<DeviceEvent>,
    frames: Receiver<AudioFrame>,
    threads: Vec<JoinHandle<()>>,
}

impl Device {
    fn open(remote: String, echo_cancel: bool) -> Self {
        let (playback, tap) = playback(RATE);
        let settings =
            PipewireSettings { remote: Some(remote), echo_cancel, ..PipewireSettings::default() };
        let device = pipewire_device(settings, &playback, SharedTap::new(tap)).unwrap();
        let (frames_in, frames) = sync_channel(4_000);
        let (run, mut capture) = (device.run, device.capture);
        let named = |name: &str| Builder::new().name(name.to_owned());
        let threads = vec![
            named("pipewire").spawn(move || run.run().unwrap()).unwrap(),
            named("hear")
                .spawn(move || {
                    while let Some(frame) = capture.next_frame() {
                        frames_in.try_send(frame).unwrap();
                    }
                })
                .unwrap(),
        ];
        Self { control: device.control, playback, events: device.events, frames, threads }
    }

    /// A device whose two nodes are linked with the virtual ones.
    fn linked(graph: &Graph, echo_cancel: bool) -> Self {
        let device = Self::open(graph.socket(), echo_cancel);
        device.wait_for_peer(NodeRole::Microphone, Some("vmic"));
        device.wait_for_peer(NodeRole::Speaker, Some("vspk"));
        device
    }

    fn wait_for_peer(&self, role: NodeRole, peer: Option<&str>) {
        wait_for(&format!("{} at {peer:?}", role.node_name()), || {
            let status = self.control.status();
            let node = status.nodes.into_iter().find(|n| n.role == role)?;
            (node.peers.first().map(String::as_str) == peer).then_some(())
        });
    }

    /// Plays all of `pcm` as one reply and waits until it has left.
    fn say(&self, turn: u64, pcm: &[f32]) {
        self.playback.begin(TurnId(turn));
        assert_eq!(self.playback.push_all(TurnId(turn), pcm, &Cancel::new()), pcm.len());
        self.playback.end(TurnId(turn));
        wait_for("the end of the reply", || self.playback.is_drained(TurnId(turn)).then_some(()));
    }

    /// Waits until a frame is louder than `threshold`.
    fn wait_for_sound(&self, threshold: f32) -> AudioFrame {
        let mut loudest = 0.0_f32;
        let until = Instant::now() + Duration::from_secs(8);
        while Instant::now() < until {
            let frame = self.frames.recv_timeout(Duration::from_secs(1)).unwrap();
            loudest = loudest.max(rms(&frame.pcm));
            if loudest > threshold {
                return frame;
            }
        }
        panic!("nothing was heard: loudest frame {loudest}");
    }

    fn heard(&self) -> Vec<f32> {
        self.frames.try_iter().flat_map(|f| f.pcm).collect()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.control.stop();
        for thread in self.threads.drain(..) {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few seconds of audio")]
fn rms(pcm: &[f32]) -> f32 {
    (pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len().max(1) as f32).sqrt()
}

fn tone(rate: SampleRate, hz: f32, ms: u64) -> Vec<f32> {
    let rate_hz = rate.0 as f32;
    (0..rate.samples_of(ms))
        .map(|i| (std::f32::consts::TAU * hz * i as f32 / rate_hz).sin() * 0.5)
        .collect()
}

/// Noise in syllables, with energy everywhere a canceller looks.
fn babble(ms: u64) -> Vec<f32> {
    let (mut state, mut low) = (0x9e37_79b9_u32, 0.0_f32);
    (0..RATE.samples_of(ms))
        .map(|i| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            low += 0.3 * (state as f32 / u32::MAX as f32 - 0.5 - low);
            let syllable = (std::f32::consts::PI * i as f32 / 4_800.0).sin().powi(2);
            low * syllable * 1.2
        })
        .collect()
}

fn recorded(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::new(BufReader::new(File::open(path).unwrap())).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (48_000, 1));
    reader.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
}

/// First and last sample that is louder than a whisper.
fn span(pcm: &[f32]) -> (usize, usize) {
    let loud = |s: &f32| s.abs() > 0.005;
    let first = pcm.iter().position(loud).expect("something was recorded");
    (first, pcm.iter().rposition(loud).unwrap_or(first))
}

#[test]
fn what_is_said_leaves_and_what_is_played_into_the_microphone_comes_in() {
    let graph = Graph::start();
    let device = Device::linked(&graph, true);
    let (recorder, path) = graph.record("vspk", "said.wav");
    device.say(1, &tone(RATE, 440.0, 500));
    let file = graph.folder().join("tone.wav");
    write_wav(
        File::create(&file).unwrap(),
        &tone(SampleRate(48_000), 1_000.0, 900),
        SampleRate(48_000),
    )
    .unwrap();
    let player = graph.play_into_microphone(&file);
    // The first frames may still hold what the canceller makes of two tones at once.
    let crossings = |pcm: &[f32]| pcm.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
    let counts: Vec<usize> = (0..20).map(|_| crossings(&device.wait_for_sound(0.3).pcm)).collect();
    let level = device.control.status().level;
    player.wait();
    recorder.finish();

    let said = recorded(&path);
    let (first, last) = span(&said);
    let ms = (last - first) / 48;
    // On a machine under load the graph may lose a cycle or stand still for one, 10.7 ms each.
    assert!((465..=535).contains(&ms), "500 ms of tone arrived as {ms} ms");
    assert!((rms(&said[first..last]) - 0.353).abs() < 0.03, "{}", rms(&said[first..last]));
    let right = counts.iter().filter(|n| (19..=21).contains(*n)).count();
    assert!(right >= 10, "1 kHz crossed zero so often in 20 ms: {counts:?}");
    assert!(level.peak_dbfs <= 0.0 && level.rms_dbfs <= level.peak_dbfs, "{level:?}");

    let status = device.control.status();
    assert!(status.can_hear() && status.can_play());
    assert!(status.connected && status.nodes.iter().all(|n| n.serial.is_some()), "{status:?}");
    assert_eq!((status.quantum, status.graph_rate), (512, SampleRate(48_000)));
    assert_eq!((status.capture_overruns, status.playback_underruns), (0, 0));
}

#[test]
fn after_a_flush_the_sink_is_silent_within_a_tenth_of_a_second() {
    let graph = Graph::start();
    let device = Device::linked(&graph, false);
    let (recorder, path) = graph.record("vspk", "cut.wav");
    device.playback.begin(TurnId(1));
    let pcm = tone(RATE, 440.0, 1_900);
    assert_eq!(device.playback.push_all(TurnId(1), &pcm, &Cancel::new()), pcm.len());
    wait_for("sound", || (device.playback.played() > 12_000).then_some(()));
    let played = device.playback.flush();
    std::thread::sleep(Duration::from_millis(300));
    recorder.finish();
    let cut = recorded(&path);
    let (first, last) = span(&cut);
    let over = (last - first) as f64 / 48.0 - played as f64 / 24.0;
    println!("stop: {over:.1} ms after the flush");
    assert!(over < 100.0, "the sink sounded for {over:.1} ms after the flush");
    assert!(cut.len() - last > 4_800, "the recording ends too soon to tell");
}

#[test]
fn frames_go_on_without_pipewire_and_sound_comes_back_with_it() {
    let mut graph = Graph::start();
    graph.close_the_room();
    let device = Device::linked(&graph, false);
    let pushed = Instant::now();
    device.playback.begin(TurnId(1));
    assert!(device.playback.push(TurnId(1), &tone(RATE, 440.0, 300)) > 0);
    let before = device.wait_for_sound(0.1);
    println!("round trip, with the 20 ms of a frame: {:?}", pushed.elapsed());
    device.playback.end(TurnId(1));
    wait_for("the end", || device.playback.is_drained(TurnId(1)).then_some(()));

    graph.kill_pipewire();
    wait_for("the loss", || (!device.control.status().connected).then_some(()));
    let lost = Instant::now();
    let reason = wait_for("the reason", || match device.control.status().reason {
        Some(reason @ LostReason::NotRunning { .. }) => Some(reason),
        _ => None,
    });
    assert!(reason.to_string().contains("is it running for this user?"), "{reason}");
    device.frames.try_iter().for_each(drop);
    assert_eq!(device.control.status().quantum, 0);
    assert!(!device.control.status().can_hear() && !device.control.status().can_play());
    let silent: Vec<AudioFrame> =
        (0..25).map(|_| device.frames.recv_timeout(Duration::from_secs(1)).unwrap()).collect();
    assert!(silent.iter().all(|f| rms(&f.pcm) == 0.0));
    assert!(silent.windows(2).all(|w| w[1].at.0 - w[0].at.0 == FRAME_SAMPLES as u64));
    assert!(silent[0].at > before.at);

    let (down, started) = (lost.elapsed(), Instant::now());
    std::thread::scope(|s| {
        let connected = s.spawn(|| {
            wait_for("the connection", || device.control.status().connected.then_some(()));
            started.elapsed()
        });
        graph.start_pipewire();
        graph.close_the_room();
        let (connected, up) = (connected.join().unwrap(), started.elapsed());
        device.wait_for_peer(NodeRole::Microphone, Some("vmic"));
        device.wait_for_peer(NodeRole::Speaker, Some("vspk"));
        let linked = started.elapsed();
        println!(
            "down {down:?}; after the start: connected {connected:?}, graph {up:?}, linked {linked:?}"
        );
    });
    device.frames.try_iter().for_each(drop);
    device.playback.begin(TurnId(2));
    assert!(device.playback.push(TurnId(2), &tone(RATE, 440.0, 1_000)) > 0);
    device.wait_for_sound(0.2);
    let events: Vec<DeviceEvent> = device.events.try_iter().collect();
    let connected = events.iter().filter(|e| **e == DeviceEvent::Connected).count();
    assert_eq!(connected, 2, "{events:?}");
    assert!(events.iter().any(|e| matches!(e, DeviceEvent::Lost(_))), "{events:?}");
}

#[test]
fn a_device_that_vanishes_is_replaced_and_taken_again_when_it_comes_back() {
    let graph = Graph::start();
    graph.add_node("other", "Audio/Sink");
    let device = Device::open(graph.socket(), false);
    device.control.set_output(Some("other".to_owned())).unwrap();
    device.wait_for_peer(NodeRole::Speaker, Some("other"));
    device.say(1, &tone(RATE, 440.0, 100));
    graph.remove_node("other");
    let removed = Instant::now();
    device.wait_for_peer(NodeRole::Speaker, Some("vspk"));
    println!("linked with the default {:?} after the loss", removed.elapsed());
    device.say(2, &tone(RATE, 440.0, 100));
    graph.add_node("other", "Audio/Sink");
    let added = Instant::now();
    device.wait_for_peer(NodeRole::Speaker, Some("other"));
    println!("linked with the chosen one {:?} after its return", added.elapsed());
    device.say(3, &tone(RATE, 440.0, 100));

    device.control.mute_microphone(true);
    let muted = || {
        let status = device.control.status();
        let there = status.nodes.iter().any(|n| n.role == NodeRole::Microphone);
        (status.mic_muted && !there).then_some(())
    };
    wait_for("the hard mute", muted);
    device.frames.try_iter().for_each(drop);
    assert_eq!(device.frames.recv_timeout(Duration::from_secs(1)).unwrap().pcm, [0.0; 320]);
    device.control.mute_microphone(false);
    device.wait_for_peer(NodeRole::Microphone, Some("vmic"));
    assert!(device.control.set_input(Some("a\0b".to_owned())).is_err());
}

#[test]
fn nodes_may_be_changed_often_and_in_the_middle_of_a_reply() {
    let graph = Graph::start();
    graph.close_the_room();
    graph.add_node("other", "Audio/Sink");
    let device = Device::linked(&graph, true);
    device.playback.begin(TurnId(1));
    for round in 0..30 {
        let _ = device.playback.push(TurnId(1), &tone(RATE, 440.0, 40));
        device.control.mute_microphone(round % 2 == 0);
        let output = (round % 3 == 0).then(|| "other".to_owned());
        device.control.set_output(output).unwrap();
        std::thread::sleep(Duration::from_millis(if round % 5 == 0 { 80 } else { 15 }));
    }
    device.control.set_output(None).unwrap();
    device.wait_for_peer(NodeRole::Speaker, Some("vspk"));
    device.wait_for_peer(NodeRole::Microphone, Some("vmic"));
    device.control.set_output(Some("vspk".to_owned())).unwrap();
    device.say(2, &tone(RATE, 440.0, 200));
    let frames: Vec<AudioFrame> = device.frames.try_iter().collect();
    assert!(frames.windows(2).all(|w| w[1].at.0 - w[0].at.0 == FRAME_SAMPLES as u64));
}

#[test]
fn the_daemon_does_not_hear_itself() {
    let graph = Graph::start();
    graph.close_the_room();
    let speech = babble(4_000);
    let echo = {
        let device = Device::linked(&graph, false);
        device.playback.begin(TurnId(1));
        assert!(device.playback.push(TurnId(1), &speech[..RATE.samples_of(1_000) as usize]) > 0);
        device.wait_for_sound(0.02);
        std::thread::sleep(Duration::from_millis(1_000));
        rms(&device.heard())
    };
    assert!(echo > 0.03, "the room is not closed: {echo}");
    let device = Device::linked(&graph, true);
    device.say(1, &speech[..RATE.samples_of(1_500) as usize]);
    device.frames.try_iter().for_each(drop);
    device.say(2, &speech[RATE.samples_of(1_500) as usize..]);
    // Its last frame arrives a little after it has left.
    std::thread::sleep(Duration::from_millis(100));
    let residual = rms(&device.heard());
    let down = 20.0 * (rms(&speech) / residual.max(1e-6)).log10();
    let told = device.control.status().echo_loss_db;
    println!("echo is {down:.1} dB down; told {told:?}");
    assert!(down >= 25.0, "only {down:.1} dB");
    assert!(told.is_some_and(|db| db > 20.0), "{told:?}");
}

#[test]
fn without_pipewire_the_status_says_what_to_look_at_and_a_stop_ends_everything() {
    let folder = tempfile::TempDir::new().unwrap();
    let nowhere = folder.path().join("pipewire-0").to_string_lossy().into_owned();
    let device = Device::open(nowhere, true);
    let event = device.events.recv_timeout(Duration::from_secs(5)).unwrap();
    let DeviceEvent::Lost(reason) = event else { panic!("{event:?}") };
    println!("{reason}");
    assert!(reason.to_string().starts_with("no PipeWire: is it running"), "{reason}");
    assert_eq!(device.control.status().reason, Some(reason));
    let begun = Instant::now();
    let frames: Vec<AudioFrame> =
        (0..20).map(|_| device.frames.recv_timeout(Duration::from_secs(1)).unwrap()).collect();
    assert_eq!(frames[19].at.0 - frames[0].at.0, 19 * FRAME_SAMPLES as u64);
    assert!(begun.elapsed() > Duration::from_millis(200), "{:?}", begun.elapsed());
    let stopping = Instant::now();
    drop(device);
    assert!(stopping.elapsed() < Duration::from_millis(500), "{:?}", stopping.elapsed());
}
