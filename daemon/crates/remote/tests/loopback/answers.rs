//! Replies that come well, in every form that servers give them.

use companion_remote::{ChatOptions, FinishReason};
use companion_types::Cancel;

use crate::support::{END, KEY, ask, beside, client, event, one_call, question};

#[test]
fn a_stream_arrives_piece_by_piece_with_its_counts() {
    let (pieces, outcome) = one_call(
        |_| (),
        |door| {
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            line.write(": keep-alive\n\n");
            line.piece("你好");
            line.piece("，世界。");
            line.write("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\r\n\r\n");
            line.write("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\n");
            line.write("data: [DONE]\n\n");
        },
    );
    let reply = outcome.unwrap();
    assert_eq!(pieces, ["你好", "，世界。"]);
    assert_eq!((reply.text.as_str(), reply.finish_reason), ("你好，世界。", FinishReason::Length));
    let counts = (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens);
    assert_eq!(counts, (Some(12), Some(8), Some(5)));
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_the_same() {
    let text = format!("\u{feff}{}{}{END}", event("好🙂"), event("<think>想</think>吧"));
    for end in ["\n", "\r", "\r\n"] {
        let (pieces, outcome) = one_call(
            |_| (),
            |door| {
                let mut line = door.open();
                line.asked();
                line.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
                for byte in text.replace('\n', end).bytes() {
                    line.write_byte_chunk(byte);
                }
                line.write("0\r\n\r\n");
            },
        );
        assert_eq!(
            (pieces, outcome.unwrap().text.as_str()),
            (vec!["好🙂".to_owned(), "吧".to_owned()], "好🙂吧")
        );
    }
}

#[test]
fn the_request_is_the_one_that_servers_know() {
    let server = |door: &crate::support::Door| {
        let mut line = door.open();
        let asked = line.asked();
        line.begin_stream();
        line.write(END);
        asked
    };
    let (asked, ()) = beside(server, |mut settings| {
        settings.headers.insert("X-Title".to_owned(), "companion".to_owned());
        let options = ChatOptions { temperature: Some(0.7), ..ChatOptions::default() };
        let mut client = client(settings);
        client
            .chat(&question(), &options, &Cancel::new(), &mut |_| {
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
    });
    assert_eq!(asked.line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("x-title"), Some("companion"));
    assert!(!asked.body.contains(KEY));
    let want = serde_json::json!({
        "model": "small", "stream": true, "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": "短一点。"}, {"role": "user", "content": "你好？"}
        ],
        "max_tokens": 512, "temperature": 0.7,
    });
    assert_eq!(asked.json(), want);
}

#[test]
fn a_server_that_does_not_stream_answers_in_one_piece() {
    for kind in ["application/json", "text/plain"] {
        let (pieces, outcome) = one_call(
            |_| (),
            |door| {
                let mut line = door.open();
                line.asked();
                let document = "\n {\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"<think>x</think>\\n你好\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}";
                line.answer("200 OK", &format!("Content-Type: {kind}\r\n"), document);
            },
        );
        let reply = outcome.unwrap();
        assert_eq!((pieces, reply.text.as_str()), (vec!["你好".to_owned()], "你好"));
        assert_eq!((reply.finish_reason, reply.completion_tokens), (FinishReason::Stop, Some(1)));
    }
}

#[test]
fn a_stream_under_another_name_is_still_a_stream() {
    let (pieces, outcome) = one_call(
        |_| (),
        |door| {
            let mut line = door.open();
            line.asked();
            line.write(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
            );
            line.piece("好");
            line.write(END);
        },
    );
    assert_eq!((pieces.len(), outcome.unwrap().text.as_str()), (1, "好"));
}

#[test]
fn thoughts_are_kept_where_that_is_set() {
    let server = |door: &crate::support::Door| {
        let mut line = door.open();
        line.asked();
        line.begin_stream();
        line.write("data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"嗯\"}}]}\n\n");
        line.piece("<thi");
        line.piece("nk>二</think>好");
        line.write(END);
    };
    let (_, outcome) = one_call(|_| (), server);
    assert_eq!(outcome.unwrap().text, "好");
    let (_, outcome) = one_call(|settings| settings.keep_thoughts = true, server);
    assert_eq!(outcome.unwrap().text, "<think>嗯</think><think>二</think>好");
}

#[test]
fn a_stream_that_said_why_it_ends_needs_no_farewell() {
    let (_, outcome) = one_call(
        |_| (),
        |door| {
            let mut line = door.open();
            line.asked();
            line.begin_stream();
            line.piece("a <");
            line.write("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n");
        },
    );
    assert_eq!(outcome.unwrap().text, "a <");
}

#[test]
fn the_connection_serves_the_next_call() {
    let server = |door: &crate::support::Door| {
        let mut line = door.open();
        for text in ["一", "二"] {
            line.asked();
            let stream = format!("{}{END}", event(text));
            line.answer("200 OK", "Content-Type: text/event-stream\r\n", &stream);
        }
    };
    let (_, texts) = beside(server, |settings| {
        let mut client = client(settings);
        [(); 2].map(|()| ask(&mut client, &Cancel::new()).1.unwrap().text)
    });
    assert_eq!(texts, ["一", "二"]);
}

#[test]
fn a_server_lists_its_models() {
    let server = |door: &crate::support::Door| {
        let mut line = door.open();
        let asked = line.asked();
        let document =
            "{\"object\":\"list\",\"data\":[{\"id\":\"small\"},{\"id\":\"large\",\"x\":1}]}";
        line.answer("200 OK", "Content-Type: application/json\r\n", document);
        line.asked();
        line.answer("200 OK", "", document);
        line.asked();
        line.answer("404 Not Found", "", "");
        asked
    };
    let (asked, ()) = beside(server, |settings| {
        let mut client = client(settings);
        assert_eq!(client.models(&Cancel::new()).unwrap(), ["small", "large"]);
        assert_eq!(client.health(&Cancel::new()).unwrap().model_is_listed, Some(true));
        assert_eq!(client.health(&Cancel::new()).unwrap().model_is_listed, None);
    });
    assert_eq!(asked.line, "GET /v1/models HTTP/1.1");
}
