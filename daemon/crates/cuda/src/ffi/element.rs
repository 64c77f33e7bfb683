//! Plain values as the bytes that a device sees. Knows the five types that kernels take.

#![expect(unsafe_code, reason = "plain values are read and written as bytes")]

use half::f16;

mod sealed {
    pub trait Sealed: Copy + Default + Send + Sync + std::fmt::Debug + 'static {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for u32 {}
    impl Sealed for i32 {}
    impl Sealed for u8 {}
}

/// A value of device memory: `f32`, `f16`, `u32`, `i32` or `u8`. Every pattern of its bytes is a value.
pub trait Element: sealed::Sealed {}

impl Element for f32 {}
impl Element for f16 {}
impl Element for u32 {}
impl Element for i32 {}
impl Element for u8 {}

/// The bytes of values.
pub(crate) fn bytes<T: Element>(values: &[T]) -> &[u8] {
    // SAFETY: the sealed types have no padding; the slice covers the same memory and lives as long.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), std::mem::size_of_val(values)) }
}

/// The bytes of values, to be written.
pub(crate) fn bytes_mut<T: Element>(values: &mut [T]) -> &mut [u8] {
    let size = std::mem::size_of_val(values);
    // SAFETY: the sealed types have no padding and take every pattern of bits; the borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size) }
}
