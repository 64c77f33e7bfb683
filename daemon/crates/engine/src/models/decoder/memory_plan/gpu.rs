//! The plan for a GPU: bytes of its own memory, as [`crate::models::decoder::CudaDecoder`] takes them. An embedding
//! that is not the output map lies in the host's memory and is not counted.

use candle_core::quantized::GgmlDType;
use companion_cuda::{CacheShape, Codes, KvCache, KvPrecision, Packed, PackedShape};

use super::{BLOCK, Map, MemoryPlan, PASS_ROWS, Planner, Stored, padded};
use crate::EngineError;
use crate::models::decoder::cuda::{HEAD_GROUP, MOST_LOGITS};

/// Bytes of the scratch that does not depend on the model: partial sums of 1024 blocks of 16 by 64.
const SUMS: usize = 1024 * 16 * 64 * 4;

impl Planner<'_> {
    pub(super) fn gpu(&self, context: usize) -> Result<MemoryPlan, EngineError> {
        let c = self.config;
        let head = self.stored("head", c.hidden_size)?.0;
        let mut weights = c.hidden_size * 4 + self.output_map(head);
        for layer in 0..c.num_hidden_layers {
            let [q, k, v, o, gate, up, down] = self.maps();
            for maps in [&[q, k, v][..], &[o], &[gate, up], &[down]] {
                weights += self.joined(layer, maps)?;
            }
        }
        let shape = CacheShape {
            heads: c.num_key_value_heads,
            dim: c.head_dim,
            capacity: context.max(PASS_ROWS),
        };
        let kv = |precision| c.num_hidden_layers * KvCache::size_of(shape, precision);
        Ok(MemoryPlan {
            weights,
            kv: kv(KvPrecision::Half),
            kv_eight: Some(kv(KvPrecision::Eight)),
            workspace: self.gpu_workspace(),
            integer: self.is_quantized()?,
        })
    }

    /// How weights of a file are packed: codes, inputs with their groups filled up, and the group.
    fn packed_as(stored: Stored, input: usize) -> (Codes, usize, usize) {
        match stored {
            Stored::Packed { bits, group } => {
                let codes = if bits == 4 { Codes::Four } else { Codes::Eight };
                (codes, padded(input, group), group.next_multiple_of(BLOCK))
            }
            Stored::Gguf(GgmlDType::Q4_0) => (Codes::Four, input, BLOCK),
            Stored::Plain | Stored::Gguf(GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16) => {
                (Codes::Half, input, input)
            }
            Stored::Gguf(_) => (Codes::Eight, input, BLOCK),
        }
    }

    /// Maps that read the same rows as one; of different kinds they become half precision.
    fn joined(&self, layer: usize, maps: &[Map]) -> Result<usize, EngineError> {
        let (mut outputs, mut bias, mut kinds) = (0, false, Vec::new());
        for map in maps {
            let (stored, also) = self.stored(&format!("{layer}.{}", map.part), map.input)?;
            outputs += map.output;
            bias |= map.bias || also;
            kinds.push((
                Self::packed_as(stored, map.input),
                matches!(stored, Stored::Packed { .. }),
            ));
        }
        let Some((&((codes, inputs, group), packed), rest)) = kinds.split_first() else {
            return Ok(0);
        };
        let alike = rest.iter().all(|kind| *kind == ((codes, inputs, group), packed));
        let (codes, inputs) = if alike { (codes, inputs) } else { (Codes::Half, maps[0].input) };
        let zeros = packed && self.zeros;
        Ok(Packed::size_of(PackedShape { codes, outputs, inputs, group, zeros, bias }))
    }

    fn output_map(&self, stored: Stored) -> usize {
        let (outputs, input) = (self.config.vocab_size, self.config.hidden_size);
        let (codes, inputs, group) = match Self::packed_as(stored, input) {
            (Codes::Half, inputs, _) => (Codes::Eight, inputs, HEAD_GROUP),
            other => other,
        };
        let zeros = matches!(stored, Stored::Packed { .. }) && self.zeros;
        Packed::size_of(PackedShape { codes, outputs, inputs, group, zeros, bias: false })
    }

    /// Rows between the products, logits and the kernels' scratch, about.
    fn gpu_workspace(&self) -> usize {
        let c = self.config;
        let (all, kv) = (c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim);
        let widest = c.hidden_size.max(all).max(c.intermediate_size);
        let halves = c.hidden_size + all + 2 * kv + 2 * all + c.intermediate_size + widest;
        let rows = PASS_ROWS * (halves * 2 + c.hidden_size * 4);
        rows + MOST_LOGITS * c.vocab_size * 4 + SUMS + 64 * all * 16
    }
}
