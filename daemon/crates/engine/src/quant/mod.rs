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

/// How the weights are packed, as `config.json` says, or else `quantize_config.json` beside it, which AutoGPTQ
/// wrote before transformers had a place for it.
///
/// # Errors
/// When the file beside is damaged.
pub(crate) fn description(settings: &Settings) -> Result<Option<Settings>, EngineError> {
    if let Some(inner) = settings.inner("quantization_config") {
        return Ok(Some(inner));
    }
    let beside = settings.file().with_file_name("quantize_config.json");
    if beside.is_file() { Settings::open(&beside).map(Some) } else { Ok(None) }
}

impl QuantScheme {
    /// Reads `quantization_config`, or AutoGPTQ's own file beside; `None` where there is neither.
    ///
    /// # Errors
    /// When the method, the bits or the layout is not one that is built.
    pub(crate) fn read(settings: &Settings) -> Result<Option<Self>, EngineError> {
        let Some(s) = description(settings)? else { return Ok(None) };
        let bits = s.size("bits", None)?;
        let group = match s.get("group_size").and_then(serde_json::Value::as_i64) {
            Some(-1) => None,
            _ => Some(s.size("group_size", Some(128))?),
        };
        let refuse = |key: &str, found: &str, expected: &str| {
            Err(s.wrong(key, format!("is {found}, expected {expected}")))
        };
        // AutoGPTQ's file had no name of the method at first.
        let usual = (s.file() != settings.file()).then_some("gptq");
        match s.text("quant_method", usual)? {
            "gptq" => {
                if bits != 4 && bits != 8 {
                    return refuse("bits", &bits.to_string(), "4 or 8");
                }
                // Some writers have only the second name.
                let format = s.text("format", Some("gptq"))?;
                let zero_less_one = match s.text("checkpoint_format", Some(format))? {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str, beside: Option<&str>) -> Result<Option<QuantScheme>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, config).unwrap();
        if let Some(beside) = beside {
            std::fs::write(folder.path().join("quantize_config.json"), beside).unwrap();
        }
        let settings = Settings::open(&file).unwrap();
        QuantScheme::read(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn autogptqs_own_file_is_read_where_the_configuration_is_silent() {
        let own = r#"{"bits": 4, "group_size": 32, "desc_act": true, "sym": false, "damp_percent": 0.01}"#;
        let wanted = QuantScheme::Gptq { bits: 4, group: Some(32), zero_less_one: true };
        assert_eq!(read("{}", Some(own)), Ok(Some(wanted)));
        assert_eq!(read("{}", None), Ok(None));
        let inner =
            r#"{"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": -1}}"#;
        assert_eq!(read(inner, Some(own)), Ok(Some(QuantScheme::Awq { group: None })));
        let v2 = r#"{"quant_method": "gptq", "bits": 8, "group_size": -1, "checkpoint_format": "gptq_v2"}"#;
        let wanted = QuantScheme::Gptq { bits: 8, group: None, zero_less_one: false };
        assert_eq!(read("{}", Some(v2)), Ok(Some(wanted)));
    }

    #[test]
    fn what_is_wrong_with_it_is_said_of_that_file() {
        let error = read("{}", Some(r#"{"bits": 3, "group_size": 128}"#)).unwrap_err();
        assert!(error.contains("quantize_config.json") && error.contains("bits: is 3"), "{error}");
        let error = read(r#"{"quantization_config": {"bits": 4}}"#, None).unwrap_err();
        assert!(error.contains("quant_method: is missing"), "{error}");
    }
}
