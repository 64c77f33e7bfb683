//! How a call goes on and ends: further trials, redirects, cancelling, the breaker.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use companion_remote::{
    BreakerRule, ChatOptions, CircuitBreaker, Client, FinishReason, RemoteError, RemoteSettings,
};
use companion_types::Cancel;

use crate::support::{
    Door, END, KEY, ask, beside, beside_door, client, event, one_call, question, settings,
};

#[test]
fn a_call_that_failed_before_its_first_piece_is_tried_again() {
    let faults: [(&str, &str); 3] = [
        ("", ""),
        ("503 Service Unavailable", ""),
        ("429 Too Many Requests", "Retry-After: 0\r\n"),
    ];
    for (status, headers) in faults {
        let (_, outcome) = one_call(
            |settings| settings.retries = 1,
            |door| {
                let mut line = door.open();
                line.asked();
                if status.is_empty() {
                    drop(line);
                    line = door.open();
                } else {
                    line.answer(status, headers, "");
                }
                line.asked();
                let stream = format!("{}{END}", event("好"));
                line.answer("200 OK", "Content-Type: text/event-stream\r\n", &stream);
            },
        );
        assert_eq!(outcome.unwrap().text, "好", "{status}");
    }
}

#[test]
fn a_call_is_never_tried_again_after_its_first_piece() {
    let server = |door: &Door| {
        let mut line = door.open();
        line.asked();
        line.begin_stream();
        line.piece("好");
    };
    let (door, (), (pieces, outcome)) = beside_door(server, |mut settings| {
        settings.retries = 3;
        ask(&mut client(settings), &Cancel::new())
    });
    assert!(door.is_quiet());
    assert_eq!(pieces, ["好"]);
    assert!(matches!(outcome, Err(RemoteError::Cut { received: 3, .. })));
}

#[test]
fn what_a_second_trial_cannot_mend_is_not_tried_again() {
    let server = |door: &Door| {
        let mut line = door.open();
        line.asked();
        line.answer("401 Unauthorized", "", "");
        line.until_closed();
    };
    let (door, (), outcome) = beside_door(server, |mut settings| {
        settings.retries = 3;
        ask(&mut client(settings), &Cancel::new()).1
    });
    assert!(door.is_quiet() && matches!(outcome, Err(RemoteError::Unauthorized { .. })));
}

/// An address of this machine where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_refused_connection_is_said_so_after_all_trials() {
    let mut settings = settings(&nobody());
    settings.retries = 2;
    let error = ask(&mut client(settings), &Cancel::new()).1.unwrap_err();
    assert!(matches!(error, RemoteError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("is the server running?") && error.is_outage());
}

#[test]
fn a_server_that_comes_up_between_two_trials_is_found() {
    let address = nobody();
    let mut settings = settings(&address);
    (settings.retries, settings.retry_pause_ms) = (10, 5);
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            // Long enough for a first trial to meet nobody; were it not, the test would still hold.
            std::thread::park_timeout(Duration::from_millis(30));
            let door = Door::at(&address);
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            line.write(&format!("{}{END}", event("好")));
        });
        assert_eq!(ask(&mut client(settings), &Cancel::new()).1.unwrap().text, "好");
        server.join().unwrap();
    });
}

#[test]
fn a_redirect_on_the_same_server_is_followed() {
    let (lines, text) = beside(
        |door| {
            let mut line = door.open();
            let first = line.asked();
            line.answer("308 Permanent Redirect", "Location: /api/chat\r\n", "");
            let mut line =
                if first.header("connection") == Some("close") { door.open() } else { line };
            let second = line.asked();
            line.answer(
                "200 OK",
                "Content-Type: text/event-stream\r\n",
                &format!("{}{END}", event("好")),
            );
            (
                second.line.clone(),
                second.header("authorization").is_some(),
                first.body == second.body,
            )
        },
        |settings| ask(&mut client(settings), &Cancel::new()).1.unwrap().text,
    );
    assert_eq!(lines, ("POST /api/chat HTTP/1.1".to_owned(), true, true));
    assert_eq!(text, "好");
}

#[test]
fn redirects_in_a_circle_come_to_an_end() {
    let (_, outcome) = one_call(
        |_| (),
        |door| {
            let mut line = door.open();
            for _ in 0..4 {
                line.asked();
                line.answer("307 Temporary Redirect", "Location: /v1/chat/completions\r\n", "");
            }
        },
    );
    assert!(matches!(outcome, Err(RemoteError::Redirected { .. })));
}

/// Lets a silent server set the flag once it holds the request; gives how long the call went on.
fn cancelled_after(begin: impl FnOnce(&mut crate::support::Line) + Send) -> (Duration, String) {
    let cancel = Cancel::new();
    let (at, (end, reply)) = beside(
        |door| {
            let mut line = door.open();
            line.asked();
            begin(&mut line);
            let at = Instant::now();
            cancel.cancel();
            line.until_closed();
            at
        },
        |settings| {
            let mut client = client(settings);
            let reply = ask(&mut client, &cancel).1.unwrap();
            drop(client);
            (Instant::now(), reply)
        },
    );
    assert_eq!(reply.finish_reason, FinishReason::Cancelled);
    (end.saturating_duration_since(at), reply.text)
}

#[test]
fn a_cancelled_call_ends_although_the_server_is_silent() {
    // The bound is the promise, ten times over for a busy machine; that single waits are short enough is
    // tested where they are made.
    let (took, text) = cancelled_after(|_| ());
    assert!(took < Duration::from_secs(1) && text.is_empty(), "{took:?}");
    let (took, _) = cancelled_after(crate::support::Line::begin_stream);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_call_that_was_cancelled_before_sends_nothing() {
    let cancel = Cancel::new();
    cancel.cancel();
    let (door, (), reply) =
        beside_door(|_| (), |settings| ask(&mut client(settings), &cancel).1.unwrap());
    assert!(door.is_quiet());
    assert_eq!((reply.text.as_str(), reply.finish_reason), ("", FinishReason::Cancelled));
}

#[test]
fn a_cancelled_pause_between_two_trials_ends() {
    let cancel = Cancel::new();
    let (_, reply) = beside(
        |door| {
            let mut line = door.open();
            line.asked();
            line.answer("503 Service Unavailable", "Retry-After: 15\r\n", "");
            cancel.cancel();
        },
        |mut settings| {
            settings.retries = 1;
            ask(&mut client(settings), &cancel).1.unwrap()
        },
    );
    assert_eq!(reply.finish_reason, FinishReason::Cancelled);
}

#[test]
fn a_caller_who_has_enough_ends_the_call() {
    let (_, (pieces, reply)) = beside(
        |door| {
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            ["一", "二", "三"].iter().for_each(|text| line.piece(text));
            line.until_closed();
        },
        |settings| {
            let mut pieces = 0;
            let mut client = client(settings);
            let reply =
                client.chat(&question(), &ChatOptions::default(), &Cancel::new(), &mut |_| {
                    pieces += 1;
                    if pieces == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
            drop(client);
            (pieces, reply.unwrap())
        },
    );
    assert_eq!((pieces, reply.text.as_str()), (2, "一二"));
    assert_eq!(reply.finish_reason, FinishReason::Cancelled);
}

#[test]
fn a_breaker_over_calls_leaves_a_dead_server_alone() {
    let mut client = client(settings(&nobody()));
    let rule = BreakerRule { failures: 2, ..BreakerRule::default() };
    let (mut breaker, now) = (CircuitBreaker::new(rule), Instant::now());
    for _ in 0..2 {
        breaker.admit(now).unwrap();
        let error = ask(&mut client, &Cancel::new()).1.unwrap_err();
        assert!(error.is_outage());
        breaker.failed(now);
    }
    assert_eq!(breaker.admit(now), Err(rule.pause));
    assert_eq!(breaker.admit(now + rule.pause), Ok(()));
}

#[test]
fn nothing_shows_the_key() {
    let client = client(settings("127.0.0.1:1"));
    assert!(!format!("{client:?} {client:#?}").contains(KEY));
    let wrong = RemoteSettings { key_file: KEY.into(), ..settings("127.0.0.1:1") };
    assert!(!Client::open(wrong).unwrap_err().to_string().contains(KEY));
    let error = Client::open(RemoteSettings::default()).unwrap_err();
    assert!(error.to_string().contains("base_url"), "{error}");
}
