//! The ten functions of libespeak-ng 1.51 (`speak_lib.h`) that are used, behind a safe face. Only the
//! main thread calls them.

#![expect(unsafe_code, reason = "libespeak-ng is a C library")]

use std::ffi::{CString, c_char, c_int, c_short, c_uint, c_void};

use companion_tts::protocol::{Answer, SpeakRequest};

const SYNCHRONOUS: c_int = 2;
const PHONEME_EVENTS: c_int = 1;
const UTF8: c_uint = 1;
const EVENT_END_OF_LIST: c_int = 0;
const EVENT_WORD: c_int = 1;
const EVENT_PHONEME: c_int = 7;
const RATE: c_int = 1;
const VOLUME: c_int = 2;
const PITCH: c_int = 3;
const RANGE: c_int = 4;

/// `espeak_EVENT`.
#[repr(C)]
struct Event {
    kind: c_int,
    unique_identifier: c_uint,
    text_position: c_int,
    length: c_int,
    audio_position: c_int,
    sample: c_int,
    user_data: *mut c_void,
    id: [u8; 8],
}

type Callback = extern "C" fn(*mut c_short, c_int, *mut Event) -> c_int;

#[link(name = "espeak-ng")]
unsafe extern "C" {
    fn espeak_Initialize(
        output: c_int,
        buflength: c_int,
        path: *const c_char,
        options: c_int,
    ) -> c_int;
    fn espeak_SetSynthCallback(callback: Callback);
    fn espeak_SetVoiceByName(name: *const c_char) -> c_int;
    fn espeak_SetParameter(parameter: c_int, value: c_int, relative: c_int) -> c_int;
    fn espeak_Synth(
        text: *const c_void,
        size: usize,
        position: c_uint,
        position_type: c_int,
        end_position: c_uint,
        flags: c_uint,
        unique_identifier: *mut c_uint,
        user_data: *mut c_void,
    ) -> c_int;
}

/// Where the answers of the running request go.
struct Sink<'a> {
    send: &'a mut dyn FnMut(Answer) -> bool,
}

extern "C" fn receive(wav: *mut c_short, count: c_int, events: *mut Event) -> c_int {
    // SAFETY: espeak-ng passes a list of events that ends with one of kind 0, or null.
    let user_data = unsafe { events.as_ref() }.map_or(std::ptr::null_mut(), |e| e.user_data);
    // SAFETY: `user_data` is what `speak` passed: a Sink that lives until espeak_Synth returns, and
    // espeak-ng calls back on the same thread before that.
    let Some(sink) = (unsafe { user_data.cast::<Sink<'_>>().as_mut() }) else { return 0 };
    let mut at = events;
    // SAFETY: as above; the list ends with kind 0, so `at` stays inside it.
    while let Some(event) = unsafe { at.as_ref() } {
        if event.kind == EVENT_END_OF_LIST {
            break;
        }
        let sample = u32::try_from(event.sample).unwrap_or_default();
        let answer = match event.kind {
            EVENT_WORD => {
                // Positions count from 1.
                let character = u32::try_from(event.text_position - 1).unwrap_or_default();
                Some(Answer::Word { sample, character })
            }
            EVENT_PHONEME => {
                let name = event.id.iter().take_while(|b| **b != 0).copied().collect::<Vec<u8>>();
                Some(Answer::Phoneme { sample, name: String::from_utf8_lossy(&name).into_owned() })
            }
            _ => None,
        };
        if answer.is_some_and(|answer| !(sink.send)(answer)) {
            return 1;
        }
        // SAFETY: `at` was not the last event.
        at = unsafe { at.add(1) };
    }
    let samples = match usize::try_from(count) {
        // SAFETY: espeak-ng passes `count` samples at `wav` when it is not null.
        Ok(count) if count > 0 && !wav.is_null() => unsafe {
            std::slice::from_raw_parts(wav, count)
        },
        _ => return 0,
    };
    c_int::from(!(sink.send)(Answer::Audio(samples.to_vec())))
}

/// The initialised library.
pub(crate) struct Engine {
    rate: u32,
}

impl Engine {
    pub(crate) fn start() -> Result<Self, String> {
        // SAFETY: called once, before any other function; a null path means the installed data.
        let rate = unsafe { espeak_Initialize(SYNCHRONOUS, 60, std::ptr::null(), PHONEME_EVENTS) };
        let rate = u32::try_from(rate)
            .map_err(|_| "libespeak-ng found no data: install espeak-ng-data".to_owned())?;
        // SAFETY: the library is initialised and `receive` lives as long as the program.
        unsafe { espeak_SetSynthCallback(receive) };
        Ok(Self { rate })
    }

    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    pub(crate) fn speak(
        &self,
        request: &SpeakRequest,
        send: &mut dyn FnMut(Answer) -> bool,
    ) -> Result<(), String> {
        let voice = CString::new(request.voice.as_str()).map_err(|e| e.to_string())?;
        let text = CString::new(request.text.replace('\0', " ")).map_err(|e| e.to_string())?;
        // SAFETY: `voice` is a C string that outlives the call.
        if unsafe { espeak_SetVoiceByName(voice.as_ptr()) } != 0 {
            return Err(format!("espeak-ng has no voice {:?}", request.voice));
        }
        for (parameter, value) in [
            (RATE, request.rate.clamp(80, 450)),
            (PITCH, request.pitch.clamp(0, 100)),
            (RANGE, request.range.clamp(0, 100)),
            (VOLUME, request.volume.clamp(0, 200)),
        ] {
            // SAFETY: plain numbers within the documented bounds.
            unsafe { espeak_SetParameter(parameter, value, 0) };
        }
        let mut sink = Sink { send };
        let bytes = text.as_bytes_with_nul();
        // SAFETY: `bytes` and `sink` outlive the call, which is synchronous.
        let result = unsafe {
            espeak_Synth(
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
                0,
                0,
                UTF8,
                std::ptr::null_mut(),
                std::ptr::from_mut(&mut sink).cast(),
            )
        };
        if result == 0 { Ok(()) } else { Err(format!("espeak-ng failed with code {result}")) }
    }
}
