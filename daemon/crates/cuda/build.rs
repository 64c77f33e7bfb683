//! Puts the GPU kernels into the crate: the fat binary that `COMPANION_CUDA_FATBIN` names (made by
//! `packaging/cuda/build`), or nothing. With the feature `emulator` it also compiles the kernels' sources for the
//! CPU.

use std::path::PathBuf;

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-env-changed=COMPANION_CUDA_FATBIN");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let kernels = match std::env::var_os("COMPANION_CUDA_FATBIN").map(PathBuf::from) {
        Some(path) if path != PathBuf::new() => {
            println!("cargo:rerun-if-changed={}", path.display());
            let read = std::fs::read(&path);
            read.map_err(|error| {
                format!(
                    "COMPANION_CUDA_FATBIN names {}, which cannot be read: {error}",
                    path.display()
                )
            })?
        }
        _ => Vec::new(),
    };
    let kept = out.join("kernels.fatbin");
    std::fs::write(&kept, kernels).map_err(|error| format!("{}: {error}", kept.display()))?;
    if std::env::var_os("CARGO_FEATURE_EMULATOR").is_some() {
        println!("cargo:rerun-if-changed=kernels");
        println!("cargo:rerun-if-changed=host");
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .opt_level(2)
            .debug(false)
            .flag("-fno-strict-aliasing")
            .flag_if_supported("-Wno-unknown-pragmas")
            .include("host")
            .include("kernels")
            .file("host/kernels.cpp")
            .compile("companion_emulated_kernels");
    }
    Ok(())
}
