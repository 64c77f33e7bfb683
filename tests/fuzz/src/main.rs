//! The fuzzer's program: libFuzzer's flags and folders, and in `READER` the kind of file that is fuzzed. With
//! `SEEDS` it only writes the sound files of that kind into this folder.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use companion_fuzz::counted::Counted;
use companion_fuzz::readers::Reader;
use companion_fuzz::seeds;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn reader() -> Reader {
    static READER: OnceLock<Reader> = OnceLock::new();
    *READER.get_or_init(|| {
        let name = std::env::var("READER").unwrap_or_default();
        let Some(reader) = Reader::named(&name) else {
            eprintln!("READER is {name:?}, expected one of {:?}", Reader::ALL.map(Reader::name));
            std::process::exit(2);
        };
        if let Some(folder) = std::env::var_os("SEEDS") {
            let written = write_seeds(reader, Path::new(&folder));
            std::process::exit(written.map_or(1, |()| 0));
        }
        reader
    })
}

fn write_seeds(reader: Reader, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    seeds::of(reader)
        .into_iter()
        .try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
}

libfuzzer_sys::fuzz_target!(init: {
    // The fuzzer's own hook ends the process at every panic; one that a reader catches is none of its finds, and
    // the others still reach the fuzzer.
    drop(std::panic::take_hook());
    reader();
}, |bytes: &[u8]| {
    let _sound = reader().check(bytes);
});
