//! A voice as bytes and back, bit by bit, so that its clips need not be read again. The bytes are a
//! safetensors file of four tensors; they fit the synthesiser they were read with and no other.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    load::{computing, refuse},
    voice::Voice,
};
use crate::EngineError;

const WHAT: &str = "kept voice";
/// Tells the bytes of a voice, and their layout, from others.
const MARK: (&str, &str) = ("companion.voice", "1");
/// Most values of a tensor that is read: 10 s of clip and its words stay far below.
const MOST_VALUES: usize = 1 << 24;

impl Voice {
    /// The voice as bytes.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        let style: Vec<f32> = self
            .style
            .flatten_all()
            .and_then(|style| style.to_vec1())
            .map_err(computing("reading back a style"))?;
        let tensors = [
            ("phones", Dtype::U32, words(&self.phones, |id| id.to_le_bytes())),
            ("bert", Dtype::F32, words(&self.bert, |value| value.to_le_bytes())),
            ("codes", Dtype::U32, words(&self.codes, |code| code.to_le_bytes())),
            ("style", Dtype::F32, words(&style, |value| value.to_le_bytes())),
        ];
        let views = tensors
            .iter()
            .map(|(name, kind, bytes)| {
                Ok((*name, TensorView::new(*kind, vec![bytes.len() / 4], bytes)?))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
        let mark = HashMap::from([(MARK.0.to_owned(), MARK.1.to_owned())]);
        let bytes = views.and_then(|views| safetensors::serialize(views, Some(mark)));
        bytes.or_else(|error| refuse(WHAT, format!("cannot be written: {error}")))
    }

    /// The voice of such bytes, for models on `device`.
    ///
    /// # Errors
    /// When the bytes are damaged or not those of a voice. Whether they fit the models is found when
    /// something is spoken.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, EngineError> {
        let failed = |problem: String| EngineError::Input { what: WHAT, problem };
        let damaged = |error| failed(format!("damaged ({error}); read the clips again"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let mark = metadata.metadata().as_ref().and_then(|all| all.get(MARK.0));
        if mark.map(String::as_str) != Some(MARK.1) {
            return Err(failed(format!("{} is {mark:?}, expected {:?}", MARK.0, MARK.1)));
        }
        let all = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let tensor = |name: &str, kind: Dtype| {
            let view = all.tensor(name).map_err(damaged)?;
            let (found, shape) = (view.dtype(), view.shape());
            if found == kind && shape.len() == 1 && shape[0] <= MOST_VALUES {
                return Ok(view.data().to_vec());
            }
            Err(failed(format!("tensor {name} is {found:?} {shape:?}, expected a row of {kind:?}")))
        };
        let style = values(&tensor("style", Dtype::F32)?, f32::from_le_bytes);
        if style.is_empty() || style.iter().any(|value| !value.is_finite()) {
            return Err(failed("its style is no row of numbers; read the clips again".into()));
        }
        let shape = (style.len(), 1);
        Ok(Self {
            phones: values(&tensor("phones", Dtype::U32)?, u32::from_le_bytes),
            bert: values(&tensor("bert", Dtype::F32)?, f32::from_le_bytes),
            codes: values(&tensor("codes", Dtype::U32)?, u32::from_le_bytes),
            style: Tensor::from_vec(style, shape, device).map_err(computing("placing a style"))?,
        })
    }
}

/// Values of four bytes each.
fn words<T: Copy>(values: &[T], bytes: impl Fn(T) -> [u8; 4]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(*value)).collect()
}

/// Four bytes to a value each.
fn values<T>(bytes: &[u8], value: impl Fn([u8; 4]) -> T) -> Vec<T> {
    bytes.chunks_exact(4).filter_map(|four| Some(value(four.try_into().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice() -> Voice {
        let style = Tensor::new(&[[1.5f32], [-0.0], [f32::MIN_POSITIVE]], &Device::Cpu).unwrap();
        Voice { phones: vec![3, 731], bert: vec![0.1, -0.0], codes: vec![1024], style }
    }

    #[test]
    fn a_voice_comes_back_from_its_bytes_bit_by_bit() {
        let (before, bytes) = (voice(), voice().to_bytes().unwrap());
        let after = Voice::from_bytes(&bytes, &Device::Cpu).unwrap();
        assert_eq!((&before.phones, &before.codes), (&after.phones, &after.codes));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&before.bert), bits(&after.bert));
        let style = |voice: &Voice| voice.style.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(bits(&style(&before)), bits(&style(&after)));
        assert_eq!(after.style.dims(), [3, 1]);
        assert_eq!(after.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn a_voice_without_words_comes_back_too() {
        let mute = Voice { phones: vec![], bert: vec![], codes: vec![], ..voice() };
        let after = Voice::from_bytes(&mute.to_bytes().unwrap(), &Device::Cpu).unwrap();
        assert!(after.words().phones.is_empty() && after.codes().is_empty());
    }

    #[test]
    fn bytes_that_are_cut_off_or_of_something_else_are_refused() {
        let bytes = voice().to_bytes().unwrap();
        for broken in [&bytes[..bytes.len() - 1], &bytes[..9], &[], &b"RIFF"[..]] {
            let error = Voice::from_bytes(broken, &Device::Cpu).unwrap_err().to_string();
            assert!(error.starts_with("kept voice: damaged"), "{error}");
        }
        let data = [0u8; 4];
        let view = TensorView::new(Dtype::F32, vec![1], &data).unwrap();
        let other = safetensors::serialize([("style", view)], None).unwrap();
        let error = Voice::from_bytes(&other, &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("companion.voice"), "{error}");
    }
}
