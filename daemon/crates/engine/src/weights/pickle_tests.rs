//! Pickles as torch writes them, and hostile ones.

use super::*;

#[test]
fn a_checkpoint_of_nothing_holds_no_tensors() {
    assert_eq!(tensors(b"\x80\x02}q\x00."), Ok(BTreeMap::new()));
}

#[test]
fn a_settings_object_becomes_plain_data_and_nothing_is_called() {
    let pickle = b"\x80\x02}(X\x06\x00\x00\x00weight}X\x06\x00\x00\x00configcutils\nHParams\n)\x81\
        }(X\x01\x00\x00\x00aK\x05X\x01\x00\x00\x00b\x88ubu.";
    let (tensors, settings) = contents(pickle).unwrap();
    assert!(tensors.is_empty());
    assert_eq!(settings, serde_json::json!({"config": {"a": 5, "b": true}}));
}

#[test]
fn what_is_recalled_is_not_copied() {
    assert!(size_of::<Node>() <= 32, "an opcode of one byte costs {}", size_of::<Node>());
    let mut named = b"}(X\x01\x00\x00\x00c".to_vec();
    named.extend(b"cutils\nHParams\n)\x81q\x00}q\x01(X\x01\x00\x00\x00aK\x05u");
    named.extend(b"b".iter().chain(b"h\x01b".repeat(3).iter()));
    named.extend(b"X\x01\x00\x00\x00dctorch._utils\n_rebuild_parameter\nh\x01\x85Ru.");
    let mut machine = Machine { bytes: &named, ..Machine::default() };
    machine.run().unwrap();
    assert!(machine.nodes.len() < 16, "{:?}", machine.nodes);
    let (_, settings) = contents(&named).unwrap();
    assert_eq!(settings, serde_json::json!({"c": {"a": 5}, "d": {"a": 5}}));
}

#[test]
fn a_tensor_in_an_unknown_form_is_named() {
    let error =
        tensors(b"}(X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n)Ru.").unwrap_err();
    assert!(error.starts_with("tensor w: "), "{error}");
}

#[test]
fn settings_that_hold_themselves_are_refused() {
    assert!(contents(b"}(X\x01\x00\x00\x00a]q\x00h\x00au.").is_err());
}

#[test]
fn deep_nesting_needs_no_stack() {
    let mut pickle = vec![b'N'];
    pickle.extend([0x85].repeat(2_000_000));
    pickle.push(b'.');
    assert!(tensors(&pickle).is_err());
}

#[test]
fn hostile_programs_are_refused() {
    for program in [
        &b""[..],
        b".",
        b"t.",
        b"(((((.",
        b"X\xff\xff\xff\xff.",
        b"h\x05.",
        b"cos\nsystem\n(X\x02\x00\x00\x00ls\x85R.",
        b"}(NNNu.",
        b"\xffgarbage",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
    ] {
        assert!(tensors(program).is_err(), "{program:?}");
    }
}
