//! Maps with packed weights.

use companion_cuda::ops::{Limits, Output, Scratch, linear, linear_reference, swiglu_reference};
use companion_cuda::{Codes, Device, Error, Packed, Stream, interleaved};
use half::f16;

use crate::support::{Numbers, assert_close, device, read, wide};

/// Half precision has 11 bits, and weights of many rows are rounded to it once more.
const TOLERANCE: f32 = 2e-3;

fn scratch(device: &Device) -> Scratch {
    Scratch::new(device, Limits { rows: 200, inputs: 2048, heads: 4, head_dim: 64 }).unwrap()
}

/// Weights of any kind; integers with mixed zero points where `zeros`.
fn weights(n: &mut Numbers, codes: Codes, sizes: [usize; 2], group: usize, zeros: bool) -> Packed {
    let [outputs, inputs] = sizes;
    let table: Vec<u32> = (0..outputs * inputs).map(|_| n.next()).collect();
    let seed = n.next() as usize;
    let scale =
        |o: usize, g: usize| f16::from_f32(0.001 * (1 + (o * 7 + g * 3 + seed) % 13) as f32);
    let value = |o: usize, i: usize| table[o * inputs + i];
    match codes {
        Codes::Half => Packed::half(sizes, |o, row: &mut [f16]| {
            for (i, weight) in row.iter_mut().enumerate() {
                *weight = f16::from_f32((value(o, i) % 1000) as f32 / 5000.0 - 0.1);
            }
        }),
        _ => {
            let most = if codes == Codes::Four { 16 } else { 256 };
            let zero = |o: usize, g: usize| {
                let zero = if zeros { (o * 5 + g + seed) % most } else { most / 2 };
                u8::try_from(zero).unwrap()
            };
            let row = |o: usize, row: &mut [u8]| {
                for (i, code) in row.iter_mut().enumerate() {
                    *code = u8::try_from(value(o, i) as usize % most).unwrap();
                }
            };
            Packed::pack(codes, sizes, group, row, zero, scale)
        }
    }
    .unwrap()
}

fn products(stream: &Stream, map: &Packed, x: &[f16], rows: usize) -> Vec<f32> {
    let device = stream.device();
    let linear_map = map.upload(&device).unwrap();
    let mut out = device.buffer::<f32>(rows * map.outputs()).unwrap();
    let x = device.upload(x).unwrap();
    let mut scratch = scratch(&device);
    linear(stream, &linear_map, &x, rows, Output::Float(&mut out), &mut scratch).unwrap();
    read(stream, &out)
}

#[test]
fn products_of_any_number_of_rows_equal_the_reference() {
    let (_, stream) = device();
    let mut n = Numbers(1);
    for codes in [Codes::Four, Codes::Eight, Codes::Half] {
        for rows in [1, 2, 8, 9, 17, 33, 64, 65, 131] {
            let sizes = [1 + n.below(150), 8 * (1 + n.below(40))];
            let group = [32, 64, 128, 4096][n.below(4)];
            let bias = n.values(sizes[0]);
            let zeros = n.below(2) == 0;
            let map = weights(&mut n, codes, sizes, group, zeros).with_bias(bias).unwrap();
            let x = n.halves(rows * sizes[1]);
            let got = products(&stream, &map, &x, rows);
            let want = linear_reference(&map, &wide(&x), rows);
            assert_close(&got, &want, TOLERANCE, &format!("{codes:?} {sizes:?} {group} {rows}"));
        }
    }
}

#[test]
fn large_and_small_tiles_equal_the_reference() {
    let (device, stream) = device();
    let mut n = Numbers(6);
    for codes in [Codes::Four, Codes::Eight, Codes::Half] {
        for (outputs, rows) in [(130, 200), (700, 290)] {
            let map = weights(&mut n, codes, [outputs, 136], 64, true);
            let (packed, mut scratch) = (map.upload(&device).unwrap(), scratch(&device));
            let x = n.halves(rows * 136);
            let on_device = device.upload(&x).unwrap();
            let mut out = device.buffer::<f32>(rows * outputs).unwrap();
            linear(&stream, &packed, &on_device, rows, Output::Float(&mut out), &mut scratch)
                .unwrap();
            let want = linear_reference(&map, &wide(&x), rows);
            assert_close(&read(&stream, &out), &want, TOLERANCE, &format!("{codes:?} {outputs}"));
        }
    }
}

#[test]
fn a_row_comes_out_the_same_however_many_rows_there_are() {
    let (_, stream) = device();
    let mut n = Numbers(2);
    for codes in [Codes::Four, Codes::Eight, Codes::Half] {
        let map = weights(&mut n, codes, [48, 1088], 128, true);
        let x = n.halves(64 * 1088);
        let all = products(&stream, &map, &x, 64);
        for rows in [1, 7, 12, 30] {
            let some = products(&stream, &map, &x[..rows * 1088], rows);
            assert_eq!(some, all[..rows * 48], "{codes:?} {rows}");
        }
    }
}

#[test]
fn narrow_maps_are_split_and_may_be_used_again() {
    let (device, stream) = device();
    let mut n = Numbers(3);
    let map = weights(&mut n, Codes::Four, [20, 2048], 128, false);
    let (packed, mut scratch) = (map.upload(&device).unwrap(), scratch(&device));
    for _ in 0..3 {
        let x = n.halves(2 * 2048);
        let on_device = device.upload(&x).unwrap();
        let mut out = device.buffer::<f32>(40).unwrap();
        linear(&stream, &packed, &on_device, 2, Output::Float(&mut out), &mut scratch).unwrap();
        let want = linear_reference(&map, &wide(&x), 2);
        assert_close(&read(&stream, &out), &want, TOLERANCE, "split");
    }
}

#[test]
fn results_are_gated_or_added_where_they_are_made() {
    let (device, stream) = device();
    let mut n = Numbers(4);
    for rows in [3, 70] {
        let map = weights(&mut n, Codes::Four, [72, 192], 64, true);
        let (packed, mut scratch) = (map.upload(&device).unwrap(), scratch(&device));
        let x = n.halves(rows * 192);
        let on_device = device.upload(&x).unwrap();
        let products = linear_reference(&map, &wide(&x), rows);

        let mut gated = device.buffer::<f16>(rows * 36).unwrap();
        linear(&stream, &packed, &on_device, rows, Output::SwiGlu(&mut gated), &mut scratch)
            .unwrap();
        let in_turns: Vec<f32> = products
            .chunks(72)
            .flat_map(|row| {
                let part = |up| row.iter().skip(usize::from(up)).step_by(2).copied();
                part(false).chain(part(true)).collect::<Vec<_>>()
            })
            .collect();
        let want = swiglu_reference(&in_turns, 36);
        assert_close(&wide(&read(&stream, &gated)), &want, TOLERANCE, "gated");

        let before = n.values(rows * 72);
        let mut sum = device.upload(&before).unwrap();
        linear(&stream, &packed, &on_device, rows, Output::AddTo(&mut sum), &mut scratch).unwrap();
        let want: Vec<f32> = before.iter().zip(&products).map(|(a, b)| a + b).collect();
        assert_close(&read(&stream, &sum), &want, TOLERANCE, "added");

        let mut half = device.buffer::<f16>(rows * 72).unwrap();
        linear(&stream, &packed, &on_device, rows, Output::Half(&mut half), &mut scratch).unwrap();
        assert_close(&wide(&read(&stream, &half)), &products, TOLERANCE, "half");
    }
}

#[test]
fn gate_and_up_take_turns() {
    assert_eq!([0, 1, 2, 7].map(interleaved), [(false, 0), (true, 0), (false, 1), (true, 3)]);
}

#[test]
fn inputs_in_another_order_are_put_in_place() {
    let (_, stream) = device();
    let mut n = Numbers(5);
    // 40 inputs in places of two blocks, each filled up: 20, then 12 that take none.
    let order: Vec<u32> = (0..64)
        .map(|p| if p % 32 < 20 { (p / 32 * 20 + (p * 7) % 20) as u32 } else { u32::MAX })
        .collect();
    for rows in [2, 66] {
        let map = weights(&mut n, Codes::Four, [24, 64], 32, true);
        let map = map.with_order(order.clone(), 40).unwrap();
        assert_eq!(map.inputs(), 40);
        let x = n.halves(rows * 40);
        let want = linear_reference(&map, &wide(&x), rows);
        assert_close(&products(&stream, &map, &x, rows), &want, TOLERANCE, "reordered");
    }
}

#[test]
fn packed_weights_are_read_back_as_they_were() {
    let scale = |o: usize, g: usize| f16::from_f32(0.5 + o as f32 + g as f32 * 0.25);
    for (codes, most) in [(Codes::Four, 16), (Codes::Eight, 256)] {
        let code = |o: usize, i: usize| ((o * 37 + i * 11) % most) as u8;
        let fill = |o: usize, row: &mut [u8]| {
            row.iter_mut().enumerate().for_each(|(i, c)| *c = code(o, i));
        };
        let map = Packed::pack(codes, [19, 72], 64, fill, |o, g| (o % 3 + g) as u8, scale).unwrap();
        for o in 0..19 {
            for (i, got) in map.row(o).into_iter().enumerate() {
                let zero = (o % 3 + i / 64) as f32;
                let want = scale(o, i / 64).to_f32() * (f32::from(code(o, i)) - zero);
                assert_eq!(got, want, "{codes:?} {o} {i}");
            }
        }
    }
}

#[test]
fn quantising_keeps_each_weight_within_half_a_step() {
    let weight = |o: usize, i: usize| ((o * 13 + i) as f32 * 0.7).sin() * (1.0 + o as f32);
    let fill = |o: usize, row: &mut [f32]| {
        row.iter_mut().enumerate().for_each(|(i, v)| *v = weight(o, i));
    };
    let map = Packed::quantize([5, 136], 64, fill).unwrap();
    for o in 0..5 {
        for (i, got) in map.row(o).into_iter().enumerate() {
            let step = (1.0 + o as f32) / 127.0;
            assert!((got - weight(o, i)).abs() <= step * 0.51, "{o} {i}");
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let (device, stream) = device();
    let pack = |sizes, group| {
        let zero_row = |_: usize, _: &mut [u8]| ();
        Packed::pack(Codes::Four, sizes, group, zero_row, |_, _| 8, |_, _| f16::ONE)
    };
    assert!(matches!(pack([0, 64], 32), Err(Error::Shape { what: "the outputs", .. })));
    assert!(matches!(pack([4, 63], 63), Err(Error::Shape { what: "the inputs", .. })));
    assert!(matches!(pack([4, 64], 48), Err(Error::Shape { what: "a group", got: 48, .. })));
    let map = pack([4, 64], 64).unwrap().upload(&device).unwrap();
    let (x, mut out) = (device.buffer::<f16>(64).unwrap(), device.buffer::<f32>(4).unwrap());
    let mut scratch = scratch(&device);
    let refused = linear(&stream, &map, &x, 2, Output::Float(&mut out), &mut scratch);
    assert!(matches!(refused, Err(Error::Shape { what: "the rows", got: 64, .. })), "{refused:?}");
}
