//! Which instructions the kernels may use.

/// A set of instructions a kernel is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Whatever the compiler makes of plain code.
    Scalar,
    /// AVX2, FMA and F16C.
    Avx2,
    /// The same and AVX-512 (F, BW, DQ, VL) with VNNI.
    Avx512Vnni,
    /// The same and AMX's tiles in bf16, for products of many rows.
    Amx,
}

impl Isa {
    /// The best set that this machine has.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            return match (wide, wide && crate::amx::is_there()) {
                (_, true) => Self::Amx,
                (true, _) => Self::Avx512Vnni,
                _ => Self::Avx2,
            };
        }
        Self::Scalar
    }

    /// All sets that this machine has, the plain one first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let all = [Self::Scalar, Self::Avx2, Self::Avx512Vnni, Self::Amx];
        all.into_iter().filter(|isa| *isa <= Self::detect()).collect()
    }

    /// Its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Amx => "amx-bf16",
        }
    }
}
