//! Weights and descriptions on disk: opened, checked, converted. Nothing here trusts a length a file
//! claims before it has compared it with the file's size.

mod gguf;
mod pickle;
mod sharded;
mod tensor_file;
mod torch_dir;
mod torch_zip;

pub use gguf::GgufFile;
pub use sharded::ShardedWeights;
pub(crate) use sharded::has_safetensors;
pub use tensor_file::TensorFile;
pub use torch_dir::ModelDirectory;

use std::{fs::File, io::Read, path::Path};

use crate::EngineError;

/// Largest description (configuration, tokenizer, statistics) that is read as a whole.
const SMALL_FILE_BYTES: u64 = 64 << 20;

/// Reads a description; a file too large to be one is refused.
pub(crate) fn read_small(file: &Path) -> Result<Vec<u8>, EngineError> {
    let failed = |source| EngineError::Read { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(SMALL_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > SMALL_FILE_BYTES {
        return Err(EngineError::Malformed {
            file: file.to_owned(),
            problem: format!("larger than {} MiB, too large for its kind", SMALL_FILE_BYTES >> 20),
        });
    }
    Ok(bytes)
}
