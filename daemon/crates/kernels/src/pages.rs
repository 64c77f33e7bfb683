//! Memory of weights in large pages: a model is read as a whole for every token, and small pages cost a quarter
//! of the bandwidth in look-ups (measured on a virtual machine).

/// Bytes of a large page of x86-64 and of most ARM systems.
const LARGE: usize = 2 << 20;

/// Asks the system to back `values`, which were not written yet, with large pages; where it has none, or the
/// values are few, nothing changes.
pub(crate) fn large<T>(values: &mut [T]) {
    let bytes = size_of_val(values);
    let begin = values.as_mut_ptr().addr();
    let first = begin.next_multiple_of(LARGE);
    let end = (begin + bytes) / LARGE * LARGE;
    if !cfg!(target_os = "linux") || end <= first {
        return;
    }
    // SAFETY: the pages lie within the slice; the advice changes none of their values.
    #[expect(unsafe_code, reason = "a system call")]
    #[cfg(target_os = "linux")]
    unsafe {
        let from = values.as_mut_ptr().cast::<u8>().add(first - begin);
        // A refusal costs speed alone.
        let _ = libc::madvise(from.cast(), end - first, libc::MADV_HUGEPAGE);
    }
}

/// Fewer bytes are not worth a system call.
const LEAST: usize = 256 << 10;

/// Brings `values`, which were written, together in large pages now (`MADV_COLLAPSE`, Linux 6.1): memory that was
/// used before came in small ones. Neighbours in the first and last page come along.
pub(crate) fn collapse<T>(values: &[T]) {
    let bytes = size_of_val(values);
    if !cfg!(target_os = "linux") || bytes < LEAST {
        return;
    }
    let begin = values.as_ptr().addr();
    let (first, end) = (begin / LARGE * LARGE, (begin + bytes).next_multiple_of(LARGE));
    // SAFETY: the call changes no value of any page; pages that are not there are refused.
    #[expect(unsafe_code, reason = "a system call")]
    #[cfg(target_os = "linux")]
    unsafe {
        let from = values.as_ptr().cast::<u8>().wrapping_sub(begin - first);
        // A refusal costs speed alone.
        let _ = libc::madvise(from.cast_mut().cast(), end - first, libc::MADV_COLLAPSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_were() {
        let mut few = vec![7u8; 100];
        large(&mut few);
        let mut many = vec![3u32; 3 << 20];
        large(&mut many);
        collapse(&few);
        collapse(&many);
        assert!(few.iter().all(|v| *v == 7) && many.iter().all(|v| *v == 3));
    }
}
