//! Weights quantised to integers by GPTQ and AWQ: how a release describes them, how they are unpacked
//! and how they are multiplied while they stay packed.

mod awq;
mod gptq;
mod packed;

pub(crate) use packed::{IntegerError, Packed};

use crate::EngineError;
use crate::models::settings::Settings;
use crate::weights::ShardedWeights;

/// How a release's linear maps are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuantScheme {
    /// GPTQ with codes of `bits`; zeros are stored less one when `zero_less_one`.
    Gptq {
        /// 4 or 8.
        bits: usize,
        /// Inputs of a group; `None` is all of them.
        group: Option<usize>,
        /// The first format of the files.
        zero_less_one: bool,
    },
    /// AWQ, 4 bits.
    Awq {
        /// Inputs of a group; `None` is all of them.
        group: Option<usize>,
    },
}

impl QuantScheme {
    /// Reads `quantization_config`; `None` where there is none.
    ///
    /// # Errors
    /// When the method, the bits or the layout is not one that is built.
    pub(crate) fn read(settings: &Settings) -> Result<Option<Self>, EngineError> {
        let Some(s) = settings.inner("quantization_config") else { return Ok(None) };
        let bits = s.size("bits", None)?;
        let group = match s.get("group_size").and_then(serde_json::Value::as_i64) {
            Some(-1) => None,
            _ => Some(s.size("group_size", Some(128))?),
        };
        let refuse = |key: &str, found: &str, expected: &str| {
            Err(s.wrong(key, format!("is {found}, expected {expected}")))
        };
        match s.text("quant_method", None)? {
            "gptq" => {
                if bits != 4 && bits != 8 {
                    return refuse("bits", &bits.to_string(), "4 or 8");
                }
                let zero_less_one = match s.text("checkpoint_format", Some("gptq"))? {
                    "gptq" => true,
                    "gptq_v2" => false,
                    other => return refuse("checkpoint_format", other, "gptq or gptq_v2"),
                };
                Ok(Some(Self::Gptq { bits, group, zero_less_one }))
            }
            "awq" => {
                if bits != 4 {
                    return refuse("bits", &bits.to_string(), "4");
                }
                let version = s.text("version", Some("gemm"))?;
                if !version.eq_ignore_ascii_case("gemm") {
                    return refuse("version", version, "gemm");
                }
                if !s.flag("zero_point", true)? {
                    return refuse("zero_point", "false", "true");
                }
                Ok(Some(Self::Awq { group }))
            }
            other => refuse("quant_method", other, "gptq or awq"),
        }
    }

    /// Reads the map `name` of `[input]` to `[output]`.
    ///
    /// # Errors
    /// When a tensor is missing, of another shape or type, or names a group that is not there.
    pub(crate) fn load(
        self,
        weights: &mut ShardedWeights,
        name: &str,
        input: usize,
        output: usize,
    ) -> Result<Packed, EngineError> {
        match self {
            Self::Gptq { bits, group, zero_less_one } => {
                let group = group.unwrap_or(input);
                let stored = gptq::Stored::read(weights, name, [input, output], bits, group)?;
                Ok(stored.pack(zero_less_one))
            }
            Self::Awq { group } => awq::read(weights, name, input, output, group.unwrap_or(input)),
        }
    }
}

/// The error about a size that does not fill whole words.
fn uneven(name: &str, what: &str, size: usize, step: usize) -> EngineError {
    EngineError::Input {
        what: "a quantised map",
        problem: format!("{name}: {what} is {size}, expected a multiple of {step}"),
    }
}
