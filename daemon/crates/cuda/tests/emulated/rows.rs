//! Norms, SwiGLU, embeddings, the largest logit; the device itself.

use companion_cuda::ops::{
    Norm, Table, argmax, argmax_reference, embed, embed_reference, rms_norm, rms_norm_reference,
    swiglu, swiglu_reference,
};
use companion_cuda::{Device, Error, Packed};
use half::f16;

use crate::support::{Numbers, assert_close, device, read, wide};

#[test]
fn norms_of_some_rows_equal_the_reference() {
    let (device, stream) = device();
    let mut n = Numbers(11);
    for (width, first, rows) in [(4, 0, 1), (68, 1, 3), (896, 2, 2), (5120, 0, 1)] {
        let (x, weights) = (n.values((first + rows) * width), n.values(width));
        let (on_device, weight) = (device.upload(&x).unwrap(), device.upload(&weights).unwrap());
        let mut out = device.buffer::<f16>(rows * width).unwrap();
        let norm = Norm { weight: &weight, eps: 1e-5 };
        rms_norm(&stream, norm, &on_device, (first, rows), &mut out).unwrap();
        let want = rms_norm_reference(&x[first * width..], &weights, 1e-5);
        assert_close(&wide(&read(&stream, &out)), &want, 1e-3, &format!("{width} {first} {rows}"));
    }
}

#[test]
fn a_reference_norm_leaves_rows_of_mean_square_one() {
    let row = rms_norm_reference(&Numbers(12).values(50), &[1.0; 50], 0.0);
    let mean = row.iter().map(|v| v * v).sum::<f32>() / 50.0;
    assert!((mean - 1.0).abs() < 1e-5, "{mean}");
}

#[test]
fn gates_equal_the_reference() {
    let (device, stream) = device();
    let mut n = Numbers(13);
    for (rows, inner) in [(1, 2), (3, 70), (2, 1030)] {
        let x = n.halves(rows * 2 * inner);
        let mut out = device.buffer::<f16>(rows * inner).unwrap();
        swiglu(&stream, &device.upload(&x).unwrap(), (rows, inner), &mut out).unwrap();
        let want = swiglu_reference(&wide(&x), inner);
        assert_close(&wide(&read(&stream, &out)), &want, 1e-3, &format!("{rows} {inner}"));
    }
}

#[test]
fn rows_of_an_embedding_come_from_the_device_the_host_or_the_output_map() {
    let (device, stream) = device();
    let mut n = Numbers(14);
    let (vocabulary, width) = (37, 104);
    let table = n.halves(vocabulary * width);
    let ids = [5, 36, 0, 36];
    let on_device = device.upload(&ids).unwrap();
    let mut out = device.buffer::<f32>(4 * width).unwrap();
    let half = |id: usize| wide(&table[id * width..(id + 1) * width]);
    let want = embed_reference(half, &ids);

    let held = device.upload(&table).unwrap();
    embed(&stream, Table::Half(&held), &on_device, (4, width), &mut out).unwrap();
    assert_eq!(read(&stream, &out), want);

    let mut pinned = device.pinned(vocabulary * width).unwrap();
    pinned.write(0, &table).unwrap();
    stream.zero(&mut out).unwrap();
    embed(&stream, Table::Pinned(&pinned), &on_device, (4, width), &mut out).unwrap();
    assert_eq!(read(&stream, &out), want);

    let sizes = [vocabulary, width];
    let eight = Packed::quantize(sizes, 32, |o, row: &mut [f32]| row.copy_from_slice(&half(o)));
    let plain = Packed::half(sizes, |o, row: &mut [f16]| {
        row.copy_from_slice(&table[o * width..(o + 1) * width]);
    });
    for map in [eight.unwrap(), plain.unwrap()] {
        let tied = map.upload(&device).unwrap();
        embed(&stream, Table::Tied(&tied), &on_device, (4, width), &mut out).unwrap();
        assert_eq!(read(&stream, &out), embed_reference(|id| map.row(id), &ids));
    }
}

#[test]
fn the_first_of_the_largest_logits_is_found() {
    let (device, stream) = device();
    let mut n = Numbers(15);
    let mut logits = n.values(3 * 1500);
    (logits[1500 + 700], logits[1500 + 1400]) = (50.0, 50.0);
    logits[3000] = 60.0;
    let mut out = device.buffer::<u32>(3).unwrap();
    argmax(&stream, &device.upload(&logits).unwrap(), (3, 1500), &mut out).unwrap();
    let found = read(&stream, &out);
    assert_eq!(found, argmax_reference(&logits, 1500));
    assert_eq!(found[1..], [700, 0]);
}

#[test]
fn a_build_without_kernels_says_how_to_get_them() {
    if Device::is_built() {
        return;
    }
    let refused = Device::open(0).unwrap_err();
    assert_eq!(refused, Error::NotBuilt);
    assert!(refused.to_string().contains("packaging/cuda/build"));
}

#[test]
fn buffers_of_two_devices_do_not_mix() {
    let (_, stream) = device();
    let (other, _) = device();
    let mut out = other.buffer::<f16>(4).unwrap();
    let x = other.buffer::<f16>(8).unwrap();
    let refused = swiglu(&stream, &x, (1, 4), &mut out);
    assert!(matches!(refused, Err(Error::OtherDevice { .. })), "{refused:?}");
}

#[test]
fn pinned_values_come_and_go() {
    let (device, stream) = device();
    let mut there = device.pinned::<f32>(3).unwrap();
    there.write(1, &[5.0, 6.0]).unwrap();
    let mut buffer = device.buffer::<f32>(4).unwrap();
    stream.copy_in(&there, &mut buffer).unwrap();
    let mut back = device.pinned::<f32>(2).unwrap();
    stream.copy_out(&buffer, &mut back).unwrap();
    stream.synchronize().unwrap();
    let mut values = [9.0; 2];
    back.read(&mut values).unwrap();
    assert_eq!(values, [0.0, 5.0]);
    assert!(there.write(2, &[1.0, 2.0]).is_err());
}
