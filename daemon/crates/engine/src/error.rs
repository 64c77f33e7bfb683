//! What can go wrong in the engine: files that are not what they should be, shapes that do not fit,
//! devices that are missing. It says which file, which tensor and what to do; the rooms' kinds of
//! errors are none of its business.

use std::path::PathBuf;

/// Why the engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A file could not be opened or read.
    #[error("cannot read {}: {source}; check that the model directory is complete", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is damaged or not of the format its place calls for.
    #[error("{} is damaged or of another format: {problem}; fetch it again", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What was found, and where.
        problem: String,
    },
    /// A setting of a model's configuration is missing, wrong or not supported.
    #[error("{}: {key}: {problem}; use a configuration of a supported model", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A weight is not in the file.
    #[error("{}: tensor {tensor} is missing; the weights belong to another model", file.display())]
    MissingTensor {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A weight has another shape than the configuration calls for.
    #[error(
        "{}: tensor {tensor} has shape {found:?}, expected {expected:?}; \
         the weights and the configuration belong to different models",
        file.display()
    )]
    Shape {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Shape the configuration calls for.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// A weight has a type that cannot be used.
    #[error("{}: tensor {tensor} has type {found}, expected {expected}", file.display())]
    Type {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Types that can be used.
        expected: &'static str,
        /// Type in the file.
        found: String,
    },
    /// The input cannot be processed.
    #[error("{what}: {problem}")]
    Input {
        /// What was handed in.
        what: &'static str,
        /// Why it cannot be used, and what would do.
        problem: String,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A saved cache cannot be used.
    #[error("the saved cache {} cannot be used: {problem}; delete it, it is made again", file.display())]
    Cache {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A GPU did not do what was asked.
    #[error(transparent)]
    Gpu(companion_cuda::Error),
    /// A computation failed on its device.
    #[error("computing {stage} failed: {source}")]
    Compute {
        /// The stage that failed.
        stage: &'static str,
        /// Why.
        source: candle_core::Error,
    },
}
