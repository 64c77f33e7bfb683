//! What servers do wrong: each is an error of its own, which names the server and what to do and never
//! shows the key.

use companion_remote::{Phase, RemoteError};
use companion_types::{ErrorKind, Kind};

use crate::support::{Door, KEY, event, one_call, one_error};

/// A server that answers one request with a status.
fn status(status: &str, headers: &str, document: &str) -> impl FnOnce(&Door) + Send {
    move |door| {
        let mut line = door.open();
        line.asked();
        line.answer(status, headers, document);
    }
}

/// A server that sends `text` as a stream and then closes.
fn stream(text: &str) -> impl FnOnce(&Door) + Send {
    move |door| {
        let mut line = door.open();
        line.asked();
        line.begin_stream();
        line.write(text);
    }
}

#[test]
fn every_refusal_is_an_error_of_its_own() {
    let document = format!("{{\"error\":{{\"message\":\"no: Bearer {KEY}\",\"code\":\"7\"}}}}");
    for (answer, kind, word) in [
        ("401 Unauthorized", ErrorKind::PermissionDenied, "key_file"),
        ("403 Forbidden", ErrorKind::PermissionDenied, "does not allow"),
        ("404 Not Found", ErrorKind::NotFound, "remote.model = \"small\""),
        ("400 Bad Request", ErrorKind::InvalidArgument, "(400)"),
        ("429 Too Many Requests", ErrorKind::Busy, "try later"),
        ("500 Internal Server Error", ErrorKind::Unavailable, "(500)"),
        ("503 Service Unavailable", ErrorKind::Unavailable, "(503)"),
    ] {
        let error = one_error(|_| (), status(answer, "", &document));
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.contains(word) && text.contains("no: Bearer [key] (7)"), "{text}");
    }
}

#[test]
fn a_server_that_asks_to_wait_is_quoted() {
    let error = one_error(|_| (), status("429 Too Many Requests", "Retry-After: 7\r\n", "slow"));
    assert!(error.to_string().contains("slow; it asks to wait 7 s"), "{error}");
    assert!(error.is_outage() && error.may_pass());
}

#[test]
fn an_error_in_the_midst_of_a_stream_is_one() {
    let fault = "data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n\n";
    let text = format!("{}{fault}", event("好"));
    let (pieces, outcome) = one_call(|_| (), stream(&text));
    assert_eq!(pieces, ["好"]);
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, RemoteError::InStream { message, .. } if message == "out of memory (500)")
    );
    let named = format!("event: error\ndata: {{\"message\":\"bad key {KEY}\"}}\n\n");
    let error = one_error(|_| (), stream(&named));
    assert!(matches!(&error, RemoteError::InStream { message, .. } if message == "bad key [key]"));
}

#[test]
fn what_is_no_chat_is_malformed() {
    let page = status("200 OK", "Content-Type: text/html\r\n", "<!DOCTYPE html><p>hi");
    assert!(matches!(one_error(|_| (), page), RemoteError::Malformed { .. }));
    for text in ["data: {\"choices\":[{\"del\n\n", "data: hello\n\n", "hello"] {
        let error = one_error(|_| (), stream(text));
        assert!(matches!(error, RemoteError::Malformed { .. }), "{text}: {error}");
    }
    for document in ["{}", "{\"choices\":[]}", "{\"choices\":[{\"message\":"] {
        let error = one_error(|_| (), status("200 OK", "", document));
        assert!(matches!(error, RemoteError::Malformed { .. }), "{document}: {error}");
    }
    let error = one_error(|_| (), status("200 OK", "", "{\"error\":\"no such model\"}"));
    assert!(matches!(error, RemoteError::InStream { .. }), "{error}");
}

#[test]
fn a_connection_that_is_cut_says_how_much_came() {
    let (pieces, outcome) = one_call(|_| (), stream(&(event("你好") + "data: {\"choi")));
    let error = outcome.unwrap_err();
    assert_eq!(pieces, ["你好"]);
    assert!(matches!(error, RemoteError::Cut { received: 6, .. }), "{error}");
    // Cut within a chunk, and within a length.
    for head in ["Transfer-Encoding: chunked\r\n\r\nff\r\n", "Content-Length: 999\r\n\r\n"] {
        let error = one_error(
            |_| (),
            |door| {
                let mut line = door.open();
                line.asked();
                line.write(&format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{head}"
                ));
                line.piece("你好");
            },
        );
        assert!(matches!(error, RemoteError::Cut { received: 6, .. }), "{error}");
    }
    let error = one_error(
        |_| (),
        |door| {
            door.open().asked();
        },
    );
    assert!(matches!(error, RemoteError::Cut { received: 0, .. }), "{error}");
}

#[test]
fn a_silent_server_runs_into_the_bound_that_is_named() {
    let error = one_error(
        |settings| settings.first_token_ms = 60,
        |door| {
            let mut line = door.open();
            line.asked();
            line.until_closed();
        },
    );
    assert!(matches!(error, RemoteError::TimedOut { phase: Phase::FirstToken, .. }), "{error}");
    assert!(error.to_string().contains("remote.first_token_ms = 60"), "{error}");
    // Comments and empty pieces are no token.
    let error = one_error(
        |settings| settings.first_token_ms = 60,
        |door| {
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            line.write(": wait\n\n");
            line.piece("");
            line.until_closed();
        },
    );
    assert!(matches!(error, RemoteError::TimedOut { phase: Phase::FirstToken, .. }), "{error}");
    let error = one_error(
        |settings| settings.idle_ms = 60,
        |door| {
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            line.piece("好");
            line.until_closed();
        },
    );
    assert!(matches!(error, RemoteError::TimedOut { phase: Phase::NextToken, .. }), "{error}");
}

#[test]
fn a_server_that_never_ends_runs_into_the_bound_of_the_call() {
    let error = one_error(
        |settings| settings.total_ms = 80,
        |door| {
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            line.piece("好");
            line.until_closed();
        },
    );
    assert!(matches!(error, RemoteError::TimedOut { phase: Phase::Total, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
}

#[test]
fn an_answer_without_bounds_is_cut_off() {
    let endless = |door: &Door| {
        let mut line = door.open();
        line.asked();
        line.begin_stream();
        let text = "字".repeat(500);
        (0..200).for_each(|_| line.piece(&text));
    };
    let (_, outcome) = one_call(|settings| settings.max_answer_bytes = 10_000, endless);
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("remote.max_answer_bytes = 10000"), "{error}");
    let error = one_error(
        |settings| settings.max_answer_bytes = 2_000,
        |door| {
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            line.write(&"x".repeat(2_001));
        },
    );
    assert!(matches!(error, RemoteError::TooLarge { .. }), "{error}");
    let error = one_error(
        |_| (),
        |door| {
            let mut line = door.open();
            line.asked();
            line.write(&format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(40_000)));
        },
    );
    assert!(matches!(error, RemoteError::TooLarge { .. }), "{error}");
}

#[test]
fn a_redirect_to_another_server_is_refused_and_gets_no_key() {
    for location in ["http://127.0.0.1:1/v1/x", "https://example.com/", "//example.com/", ""] {
        let header = format!("Location: {location}\r\n");
        let error = one_error(|_| (), status("307 Temporary Redirect", &header, ""));
        assert!(matches!(error, RemoteError::Redirected { status: 307, .. }), "{error}");
        assert!(error.to_string().contains("remote.base_url"), "{error}");
    }
    let error = one_error(|_| (), status("302 Found", "Location: /v2/chat/completions\r\n", ""));
    assert!(matches!(error, RemoteError::Redirected { status: 302, .. }), "{error}");
}

#[test]
fn what_is_no_http_is_said_so() {
    let error = one_error(
        |_| (),
        |door| {
            let mut line = door.open();
            line.asked();
            line.write("SSH-2.0-OpenSSH_9.6\r\n\r\n");
        },
    );
    assert!(matches!(error, RemoteError::Protocol { .. }), "{error}");
}

#[test]
fn a_server_without_tls_is_no_secure_server() {
    let error = one_error(
        |settings| settings.base_url = settings.base_url.replace("http:", "https:"),
        |door| {
            let mut line = door.open();
            line.write("HTTP/1.1 400 Bad Request\r\n\r\n");
            line.until_closed();
        },
    );
    assert!(matches!(error, RemoteError::Tls { .. }), "{error}");
}
