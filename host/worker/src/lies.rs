//! What a worker may say, and what it may not: tests and a fuzz target of [`crate::table`] and [`crate::wire`].

use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;

use hotcell_fuzz::Target;
use hotcell_protocol::Code;
use hotcell_protocol::Cost;
use hotcell_protocol::LogLevel;
use hotcell_protocol::LogLine;
use hotcell_protocol::Method;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::table::Event;
use crate::table::Table;
use crate::walls::Walls;
use crate::wire;
use crate::wire::End;
use crate::wire::Frame;
use crate::wire::Report;

fn send(call: u64, ask: u64) -> Report {
    Report::Send { call, ask, method: Method::Get, url: "https://x/".into(), headers: Vec::new(), body: true }
}

fn ended(call: u64) -> Report {
    Report::Ended { call, end: End::Returned, cost: Cost::default() }
}

fn line(call: u64, text: &str) -> Report {
    Report::Log { call, line: LogLine { level: LogLevel::Info, text: text.into() } }
}

fn note(call: u64, note: &str) -> Report {
    Report::Progress { call, progress: Progress { done: 1, total: None, note: Some(note.into()) } }
}

#[test]
fn h1_a_worker_speaks_of_its_own_calls_only_and_asks_no_more_at_once_than_a_call_may() {
    let mut table = Table::default();
    let (first, mut events) = table.open().unwrap();
    for stranger in [first + 1, u64::MAX] {
        let give_up = Report::GiveUp { call: stranger, ask: 0 };
        for report in [send(stranger, 0), give_up, ended(stranger), line(stranger, "x"), note(stranger, "x")] {
            assert!(table.take(report, Vec::new()).is_err());
        }
    }
    let ready = Report::Ready { version: wire::VERSION.into(), walls: Walls::default(), refused: None };
    assert!(table.take(ready, Vec::new()).is_err());
    // Numbers that were used, or are not next, are no request's.
    let most = u64::try_from(limits::REQUESTS_AT_ONCE_OF_A_CALL).unwrap();
    for ask in 0..most {
        assert!(table.take(send(first, ask + 1), Vec::new()).is_err());
        table.take(send(first, ask), b"body".to_vec()).unwrap();
        assert!(table.take(send(first, ask), Vec::new()).is_err());
    }
    assert!(table.take(send(first, most), Vec::new()).is_err());
    table.answered(first, 3);
    table.take(send(first, most), Vec::new()).unwrap();
    let give_up = |ask| Report::GiveUp { call: first, ask };
    assert!(table.take(give_up(most + 1), Vec::new()).is_err() && table.take(give_up(0), b"x".to_vec()).is_err());
    // What was answered meanwhile is nothing that happens. What is given up has its place until it is let go, and is it once.
    table.take(give_up(3), Vec::new()).unwrap();
    table.take(give_up(5), Vec::new()).unwrap();
    assert!(table.take(give_up(5), Vec::new()).is_err());
    assert!(table.take(send(first, most + 1), Vec::new()).is_err());
    table.answered(first, 5);
    table.take(give_up(5), Vec::new()).unwrap();
    table.take(send(first, most + 1), vec![0; limits::REQUEST_BODY_BYTES + 100]).unwrap();
    table.take(ended(first), b"1".to_vec()).unwrap();
    assert!(table.take(ended(first), Vec::new()).is_err() && table.take(line(first, "x"), Vec::new()).is_err());
    for number in 0..most {
        let body = Some(&b"body"[..]);
        assert!(
            matches!(events.try_recv().unwrap(), Event::Asked(ask, asked) if ask == number && asked.body.as_deref() == body)
        );
    }
    assert!(matches!(events.try_recv().unwrap(), Event::Asked(ask, _) if ask == most));
    assert_eq!(events.try_recv().unwrap(), Event::GaveUp(5));
    // A body that is too long is not kept in its length until the gate says so.
    let Event::Asked(_, asked) = events.try_recv().unwrap() else { panic!() };
    assert_eq!(asked.body.unwrap().len(), limits::REQUEST_BODY_BYTES + 1);
    assert!(matches!(events.try_recv().unwrap(), Event::Ended(End::Returned, json, _) if json == b"1"));
}

#[test]
fn h1_what_a_worker_says_is_bounded_and_made_fit_to_be_shown_once_more() {
    let mut table = Table::default();
    let (call, mut events) = table.open().unwrap();
    table.take(line(call, &format!("\u{1b}[2J{}", "x".repeat(1 << 20))), Vec::new()).unwrap();
    let Event::Log(shown) = events.try_recv().unwrap() else { panic!() };
    assert!(shown.text.len() <= limits::LOG_LINE_BYTES && !shown.text.contains('\u{1b}'));
    table.take(note(call, &format!("\u{202e}{}", "x".repeat(1 << 20))), Vec::new()).unwrap();
    let Event::Progress(shown) = events.try_recv().unwrap() else { panic!() };
    assert!(shown.note.unwrap().chars().all(|c| c != '\u{202e}'));
    for _ in 1..limits::LOG_LINES {
        table.take(line(call, "x"), Vec::new()).unwrap();
    }
    assert!(table.take(line(call, "one too many"), Vec::new()).is_err());
    let refusals = (1..).take_while(|_| table.take(note(call, "x"), Vec::new()).is_ok()).count();
    assert_eq!(refusals + 1, limits::PROGRESS_REPORTS);
}

#[test]
fn calls_of_a_worker_that_is_gone_end_and_no_new_one_begins() {
    let mut table = Table::default();
    let (_, mut events) = table.open().unwrap();
    table.lose("signal 9");
    assert_eq!(events.try_recv().unwrap(), Event::Lost("signal 9".into()));
    assert_eq!(table.open().unwrap_err(), "signal 9");
}

#[test]
fn messages_over_their_limit_are_neither_sent_nor_read() {
    assert!(Frame::of(&ended(0), vec![0; limits::WIRE_BYTES]).is_some());
    assert!(Frame::of(&ended(0), vec![0; limits::WIRE_BYTES + 1]).is_none());
    let huge = "x".repeat(limits::WIRE_BYTES);
    assert!(Frame::of(&line(0, &huge), Vec::new()).is_none());
    let over = u32::try_from(limits::WIRE_BYTES + 1).unwrap().to_le_bytes();
    let small = 1_u32.to_le_bytes();
    for prefix in [[over, small], [small, over], [[255; 4], small]] {
        let bytes = prefix.concat();
        let read = wire::read_one::<Report>(&mut bytes.as_slice());
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }
}

/// Messages as bytes, one after the other.
fn written(reports: &[(Report, &[u8])]) -> Vec<u8> {
    let frames = reports.iter().map(|(report, tail)| Frame::of(report, tail.to_vec()).unwrap());
    frames.flat_map(|frame| [frame.head, frame.tail].concat()).collect()
}

/// Bytes of a worker, told to a table with two calls. What the table hands on obeys the rules, whatever came.
#[test]
fn fuzz_wire() {
    let refused = End::Refused(Refusal::new(Code::GuestTrapped, "m", "h"));
    let ready = Report::Ready { version: wire::VERSION.into(), walls: Walls::default(), refused: None };
    let seeds = [
        written(&[(send(0, 0), b"body"), (line(1, "a line"), b""), (ended(0), b"{}")]),
        written(&[
            (send(0, 0), b"body"),
            (send(0, 1), b""),
            (Report::GiveUp { call: 0, ask: 0 }, b""),
            (send(0, 2), b""),
        ]),
        written(&[(note(1, "half"), b""), (Report::Ended { call: 1, end: refused, cost: Cost::default() }, b"")]),
        written(&[(ready, b""), (send(1, 0), b"")]),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    let words: [&[u8]; 4] = [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x80\x80\x80\x80\x01", b"\x01"];
    Target { name: "wire", seeds: &seeds, words: &words }.drive(|bytes| {
        let mut table = Table::default();
        let mut calls = [table.open().unwrap().1, table.open().unwrap().1];
        let mut rest = bytes;
        let mut said = DefaultHasher::new();
        loop {
            let message = wire::read_one::<Report>(&mut rest);
            let Ok((report, tail)) = message else {
                0.hash(&mut said);
                break;
            };
            // The same value is written as what reads as the same.
            let again = written(&[(report.clone(), &tail)]);
            assert_eq!(wire::read_one::<Report>(&mut again.as_slice()).unwrap(), (report.clone(), tail.clone()));
            std::mem::discriminant(&report).hash(&mut said);
            let taken = table.take(report, tail);
            taken.is_ok().hash(&mut said);
            if taken.is_err() {
                break;
            }
        }
        calls.iter_mut().for_each(obeys);
        said.finish()
    });
}

/// One end at most and nothing after it; no more requests under way than a call may have; texts within their bounds.
fn obeys(events: &mut UnboundedReceiver<Event>) {
    let (mut under_way, mut over) = (Vec::new(), false);
    while let Ok(event) = events.try_recv() {
        assert!(!over, "something after the end");
        match event {
            Event::Asked(ask, asked) => {
                under_way.push(ask);
                assert!(asked.body.is_none_or(|body| body.len() <= limits::REQUEST_BODY_BYTES + 1));
                assert!(under_way.len() <= limits::REQUESTS_AT_ONCE_OF_A_CALL, "too many requests at once");
            }
            Event::GaveUp(ask) => assert!(under_way.contains(&ask), "given up before it was asked"),
            Event::Log(line) => assert!(line.text.len() <= limits::LOG_LINE_BYTES),
            Event::Progress(_) => {}
            Event::Ended(..) | Event::Lost(_) => over = true,
        }
    }
}
