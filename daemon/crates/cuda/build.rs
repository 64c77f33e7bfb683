//! Puts the GPU kernels into the crate: the fat binary that `COMPANION_CUDA_FATBIN` names (made by
//! `packaging/cuda/build`), or nothing. With the feature `emulator` it also compiles the kernels' sources for the
//! CPU.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=COMPANION_CUDA_FATBIN");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let kernels = match std::env::var_os("COMPANION_CUDA_FATBIN") {
        Some(path) if !path.is_empty() => {
            println!("cargo:rerun-if-changed={}", path.to_string_lossy());
            std::fs::read(&path).unwrap_or_else(|error| {
                panic!("COMPANION_CUDA_FATBIN names {}: {error}", path.to_string_lossy())
            })
        }
        _ => Vec::new(),
    };
    std::fs::write(out.join("kernels.fatbin"), kernels).expect("OUT_DIR can be written");
    if std::env::var_os("CARGO_FEATURE_EMULATOR").is_some() {
        println!("cargo:rerun-if-changed=kernels");
        println!("cargo:rerun-if-changed=host");
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .opt_level(2)
            .debug(false)
            .flag("-fno-strict-aliasing")
            .include("host")
            .include("kernels")
            .flag_if_supported("-Wno-unknown-pragmas")
            .file("host/kernels.cpp")
            .compile("companion_emulated_kernels");
    }
}
