//! WASI 0.2 as a guest meets it: present, empty, bounded.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod support;

use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::Imports;
use hotcell_protocol::LogLevel;
use hotcell_protocol::limits;
use serde_json::json;
use support::*;

/// Prints `bytes` bytes of memory from 64 on, `times` times, to standard output or error.
fn printing(stream: &str, data: &str, bytes: usize, times: usize) -> Vec<u8> {
    importing(
        STREAMS,
        &[("get", &format!("${stream} \"get-{stream}\"")), ("write", r#"$streams "[method]output-stream.write""#)],
        &format!(
            r#"(import "host" "get" (func $get (result i32))) (import "host" "write" (func $write (param i32 i32 i32 i32)))
               (data (i32.const 64) "{data}")
               (func (export "run") (local $left i32) (local $out i32)
                 (local.set $out (call $get)) (local.set $left (i32.const {times}))
                 (loop (call $write (local.get $out) (i32.const 64) (i32.const {bytes}) (i32.const 0))
                   (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br_if 0 (local.get $left))))"#
        ),
        RUN,
    )
}

#[tokio::test]
async fn a4_environment_arguments_and_folders_are_empty() {
    let imports = r#"
        (import "wasi:cli/environment@0.2.6" (instance $env
            (export "get-environment" (func (result (list (tuple string string)))))
            (export "get-arguments" (func (result (list string))))
            (export "initial-cwd" (func (result (option string))))))
        (import "wasi:filesystem/types@0.2.6" (instance $types (export "descriptor" (type (sub resource)))))
        (alias export $types "descriptor" (type $descriptor))
        (import "wasi:filesystem/preopens@0.2.6" (instance $preopens
            (alias outer 1 $descriptor (type $outer)) (export "descriptor" (type $d (eq $outer)))
            (export "get-directories" (func (result (list (tuple (own $d) string)))))))"#;
    // A list's length, and an option's case, lie behind the pointer that the host fills.
    let bytes = importing(
        imports,
        &[
            ("environment", r#"$env "get-environment""#),
            ("arguments", r#"$env "get-arguments""#),
            ("cwd", r#"$env "initial-cwd""#),
            ("directories", r#"$preopens "get-directories""#),
        ],
        r#"(import "host" "environment" (func $environment (param i32))) (import "host" "arguments" (func $arguments (param i32)))
           (import "host" "cwd" (func $cwd (param i32))) (import "host" "directories" (func $directories (param i32)))
           (func (export "run") (result i32)
             (i32.store (i32.const 4) (i32.const 1)) (i32.store (i32.const 12) (i32.const 1))
             (i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 36) (i32.const 1))
             (call $environment (i32.const 0)) (call $arguments (i32.const 8)) (call $cwd (i32.const 16)) (call $directories (i32.const 32))
             (i32.or (i32.or (i32.load (i32.const 4)) (i32.load (i32.const 12)))
                     (i32.or (i32.load8_u (i32.const 16)) (i32.load (i32.const 36)))))"#,
        RUN_U32,
    );
    assert_eq!(returned(&call(&sandbox(), &bytes).await), &json!(0));
}

#[tokio::test]
async fn a4_standard_input_is_closed() {
    let bytes = importing(
        STREAMS,
        &[("get", r#"$stdin "get-stdin""#), ("read", r#"$streams "[method]input-stream.blocking-read""#)],
        r#"(import "host" "get" (func $get (result i32))) (import "host" "read" (func $read (param i32 i64 i32)))
           (func (export "run") (result i32)
             (call $read (call $get) (i64.const 100) (i32.const 0))
             ;; `result` is err (1), `stream-error` is closed (1)
             (i32.add (i32.mul (i32.const 10) (i32.load8_u (i32.const 0))) (i32.load8_u (i32.const 4))))"#,
        RUN_U32,
    );
    assert_eq!(returned(&call(&sandbox(), &bytes).await), &json!(11));
}

#[tokio::test]
async fn w11_an_exit_ends_the_call_and_not_the_host() {
    for status in [0, 1] {
        let bytes = importing(
            r#"(import "wasi:cli/exit@0.2.6" (instance $exit (export "exit" (func (param "status" (result))))))"#,
            &[("exit", r#"$exit "exit""#)],
            &format!(
                r#"(import "host" "exit" (func $exit (param i32))) (func (export "run") (call $exit (i32.const {status})))"#
            ),
            RUN,
        );
        let outcome = ends_in(Code::GuestTrapped, &bytes).await;
        assert_eq!(refused(&outcome).message, format!("the tool exited with status {status} instead of returning"));
    }
}

#[tokio::test]
async fn a3_sockets_and_name_lookup_are_linked_dead() {
    let imports = r#"
        (import "wasi:sockets/network@0.2.6" (instance $network
            (export "network" (type (sub resource)))
            (type $code' (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
                "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
                "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
                "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
                "permanent-resolver-failure"))
            (export "error-code" (type (eq $code')))
            (type $family' (enum "ipv4" "ipv6"))
            (export "ip-address-family" (type (eq $family')))))
        (alias export $network "network" (type $net)) (alias export $network "error-code" (type $code))
        (alias export $network "ip-address-family" (type $family))
        (import "wasi:sockets/instance-network@0.2.6" (instance $instance
            (alias outer 1 $net (type $outer)) (export "network" (type $n (eq $outer)))
            (export "instance-network" (func (result (own $n))))))
        (import "wasi:sockets/tcp@0.2.6" (instance $tcps (export "tcp-socket" (type (sub resource)))))
        (alias export $tcps "tcp-socket" (type $tcp))
        (import "wasi:sockets/udp@0.2.6" (instance $udps (export "udp-socket" (type (sub resource)))))
        (alias export $udps "udp-socket" (type $udp))
        (import "wasi:sockets/tcp-create-socket@0.2.6" (instance $new-tcp
            (alias outer 1 $tcp (type $t')) (export "tcp-socket" (type $t (eq $t')))
            (alias outer 1 $code (type $c')) (export "error-code" (type $c (eq $c')))
            (alias outer 1 $family (type $f')) (export "ip-address-family" (type $f (eq $f')))
            (export "create-tcp-socket" (func (param "address-family" $f) (result (result (own $t) (error $c)))))))
        (import "wasi:sockets/udp-create-socket@0.2.6" (instance $new-udp
            (alias outer 1 $udp (type $t')) (export "udp-socket" (type $t (eq $t')))
            (alias outer 1 $code (type $c')) (export "error-code" (type $c (eq $c')))
            (alias outer 1 $family (type $f')) (export "ip-address-family" (type $f (eq $f')))
            (export "create-udp-socket" (func (param "address-family" $f) (result (result (own $t) (error $c)))))))
        (import "wasi:sockets/ip-name-lookup@0.2.6" (instance $lookup
            (alias outer 1 $net (type $n')) (export "network" (type $n (eq $n')))
            (alias outer 1 $code (type $c')) (export "error-code" (type $c (eq $c')))
            (export "resolve-address-stream" (type $s (sub resource)))
            (export "resolve-addresses" (func (param "network" (borrow $n)) (param "name" string) (result (result (own $s) (error $c)))))))"#;
    // The only ways to a socket or an address. Every other function of wasi:sockets takes what these would hand out.
    let bytes = importing(
        imports,
        &[
            ("network", r#"$instance "instance-network""#),
            ("tcp", r#"$new-tcp "create-tcp-socket""#),
            ("udp", r#"$new-udp "create-udp-socket""#),
            ("resolve", r#"$lookup "resolve-addresses""#),
        ],
        r#"(import "host" "network" (func $network (result i32))) (import "host" "tcp" (func $tcp (param i32 i32)))
           (import "host" "udp" (func $udp (param i32 i32))) (import "host" "resolve" (func $resolve (param i32 i32 i32 i32)))
           (data (i32.const 64) "localhost127.0.0.1")
           (func (export "memory-of") (param $what i32) (result i32)
             (block $name (block $address (block $udp4 (block $tcp6 (block $tcp4
               (br_table $tcp4 $tcp6 $udp4 $address $name (local.get $what)))
               (call $tcp (i32.const 0) (i32.const 0)) (return (call $read)))
               (call $tcp (i32.const 1) (i32.const 0)) (return (call $read)))
               (call $udp (i32.const 0) (i32.const 0)) (return (call $read)))
               (call $resolve (call $network) (i32.const 73) (i32.const 9) (i32.const 0)) (return (call $read)))
             (call $resolve (call $network) (i32.const 64) (i32.const 9) (i32.const 0)) (call $read))
           (func $read (result i32)
             (i32.add (i32.mul (i32.const 100) (i32.load8_u (i32.const 0))) (i32.load8_u (i32.const 4))))"#,
        r#"(func (export "try") (param "what" u8) (result u32) (canon lift (core func $i "memory-of")))"#,
    );
    let sandbox = sandbox();
    let tried = async |what: u8| {
        let outcome = call_with(&sandbox, &bytes, "try", json!({"what": what}), support::limits()).await;
        returned(&outcome).clone()
    };
    // err (1), then the case of `error-code`: access-denied is 1, permanent-resolver-failure 20.
    assert_eq!(tried(0).await, json!(101), "TCP over IPv4");
    assert_eq!(tried(1).await, json!(101), "TCP over IPv6");
    assert_eq!(tried(2).await, json!(101), "UDP");
    assert_eq!(tried(3).await, json!(120), "an address as a name");
    assert_eq!(tried(4).await, json!(120), "a name");
    let refusal = sandbox.load(&bytes, &Imports::NONE).err().expect("sockets were linked without being named");
    assert_eq!(refusal.code, Code::ImportNotAllowed);
}

#[tokio::test]
async fn f3_the_clock_is_no_finer_than_a_millisecond() {
    let bytes = importing(
        CLOCK,
        &[("now", r#"$clock "now""#), ("resolution", r#"$clock "resolution""#)],
        r#"(import "host" "now" (func $now (result i64))) (import "host" "resolution" (func $resolution (result i64)))
           (func (export "resolution") (result i64) (call $resolution))
           ;; Waits for the clock to move, and returns the rest of its value over whole milliseconds.
           (func (export "run") (result i32) (local $first i64)
             (local.set $first (call $now))
             (loop (br_if 0 (i64.eq (local.get $first) (call $now))))
             (i32.wrap_i64 (i64.rem_u (call $now) (i64.const 1000000))))"#,
        r#"(func (export "run") (result u32) (canon lift (core func $i "run")))
           (func (export "resolution") (result u64) (canon lift (core func $i "resolution")))"#,
    );
    let sandbox = sandbox();
    assert_eq!(returned(&call(&sandbox, &bytes).await), &json!(0));
    let outcome = call_with(&sandbox, &bytes, "resolution", json!({}), support::limits()).await;
    assert_eq!(returned(&outcome), &json!(1_000_000));
}

#[tokio::test]
async fn c7_small_host_calls_without_end_end_at_the_processor_time() {
    let code =
        r#"(import "host" "now" (func $now (result i64))) (func (export "run") (loop (drop (call $now)) (br 0)))"#;
    ends_in(Code::DeadlineExceeded, &importing(CLOCK, &[("now", r#"$clock "now""#)], code, RUN)).await;
}

#[tokio::test]
async fn c8_sleeping_for_ever_ends_at_the_deadline_and_costs_no_processor_time() {
    for nanos in ["-1", "3600000000000"] {
        let code = format!(r#"{IMPORT_SLEEP} (func (export "run") (call $block (call $after (i64.const {nanos}))))"#);
        let sandbox = sandbox();
        let bytes = importing(POLL, &SLEEP, &code, RUN);
        let short = hotcell_protocol::Limits { deadline: Duration::from_millis(200), ..support::limits() };
        let outcome = call_with(&sandbox, &bytes, "run", json!({}), short).await;
        assert_eq!(refused(&outcome).code, Code::DeadlineExceeded);
        assert!(refused(&outcome).message.contains("0.2 s"), "{outcome:?}");
        let wall = outcome.cost.wall;
        assert!(wall >= short.deadline && wall < short.deadline + Duration::from_millis(250), "{wall:?}");
        assert_eq!(returned(&call(&sandbox, &good()).await), &json!("hello"));
    }
}

#[tokio::test]
async fn a_tool_that_waits_often_is_not_charged_for_the_waiting() {
    // 60 waits of 10 ms are 60 ticks, twice the processor time that the call has.
    let code = format!(
        r#"{IMPORT_SLEEP} (func (export "run") (local $left i32) (local.set $left (i32.const 60))
             (loop (call $block (call $after (i64.const 10000000)))
               (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br_if 0 (local.get $left))))"#
    );
    assert_eq!(returned(&call(&sandbox(), &importing(POLL, &SLEEP, &code, RUN)).await), &json!(null));
}

#[tokio::test]
async fn c10_yielding_without_end_ends_at_the_processor_time() {
    let code = format!(
        r#"{IMPORT_SLEEP} (func (export "run") (local $now i32)
             (local.set $now (call $after (i64.const 0))) (loop (call $block (local.get $now)) (br 0)))"#
    );
    ends_in(Code::DeadlineExceeded, &importing(POLL, &SLEEP, &code, RUN)).await;
}

#[tokio::test]
async fn m7_timers_without_end_are_memory_exceeded() {
    let code = format!(r#"{IMPORT_SLEEP} (func (export "run") (loop (drop (call $after (i64.const 1))) (br 0)))"#);
    let outcome = ends_in(Code::MemoryExceeded, &importing(POLL, &SLEEP, &code, RUN)).await;
    assert!(refused(&outcome).message.contains("1024"), "{outcome:?}");
}

#[tokio::test]
async fn m13_two_gibibytes_of_random_bytes_are_refused() {
    let imports = r#"
        (import "wasi:random/random@0.2.6" (instance $random (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
        (import "wasi:random/insecure@0.2.6" (instance $insecure (export "get-insecure-random-bytes" (func (param "len" u64) (result (list u8))))))"#;
    let lowered =
        [("random", r#"$random "get-random-bytes""#), ("insecure", r#"$insecure "get-insecure-random-bytes""#)];
    for function in ["random", "insecure"] {
        for (length, fits) in
            [(0x8000_0000_u64, false), (limits::RANDOM_BYTES + 1, false), (limits::RANDOM_BYTES, true)]
        {
            let code = format!(
                r#"(import "host" "{function}" (func $get (param i64 i32)))
                   (func (export "run") (call $get (i64.const {length}) (i32.const 0)))"#
            );
            let bytes = importing(imports, &lowered, &code, RUN);
            if fits {
                assert_eq!(returned(&call(&sandbox(), &bytes).await), &json!(null));
            } else {
                ends_in(Code::GuestTrapped, &bytes).await;
            }
        }
    }
}

#[tokio::test]
async fn standard_output_and_error_are_lines_of_the_log() {
    let (outcome, recorder) = recorded(&printing("stdout", "one\\r\\ntwo\\nth", 11, 1), Recorder::default()).await;
    assert_eq!(recorder.texts(), ["one", "two", "th"]);
    assert_eq!(outcome.cost.log_lines, 3);
    let (_, recorder) = recorded(&printing("stderr", "\\1b[2Jred\\n", 8, 2), Recorder::default()).await;
    assert_eq!(recorder.texts(), ["\\u{1b}[2Jred", "\\u{1b}[2Jred"]);
    assert!(recorder.lines.lock().unwrap().iter().all(|line| line.level == LogLevel::Warn));
}

#[tokio::test]
async fn what_a_stopped_tool_printed_last_is_in_the_log() {
    let flood = printing("stdout", "no line end", 11, 0);
    let (outcome, recorder) = recorded(&flood, Recorder::default()).await;
    assert_eq!(refused(&outcome).code, Code::DeadlineExceeded);
    assert_eq!(recorder.texts().len(), 1);
    assert!(recorder.texts()[0].starts_with("no line end"));
}

#[tokio::test]
async fn m12_a_flood_of_lines_is_counted_and_dropped() {
    let (outcome, recorder) = recorded(&printing("stdout", "\\n\\n\\n\\n", 4, 1_000), Recorder::default()).await;
    assert_eq!(recorder.texts().len(), limits::LOG_LINES);
    assert_eq!((outcome.cost.log_lines, outcome.cost.log_dropped), (limits::LOG_LINES, 3_000));
}

#[tokio::test]
async fn m12_a_line_without_end_is_kept_to_its_limit() {
    // 100 times 128 KiB.
    let (outcome, recorder) = recorded(&printing("stdout", "abc", 131_072, 100), Recorder::default()).await;
    assert_eq!(outcome.cost.log_lines, 1);
    assert!(recorder.texts()[0].starts_with("abc"));
    assert!(recorder.texts()[0].len() <= limits::LOG_LINE_BYTES);
}

#[tokio::test]
async fn m12_zeroes_without_end_are_refused_before_the_host_makes_them() {
    let bytes = importing(
        STREAMS,
        &[("get", r#"$stdout "get-stdout""#), ("zeroes", r#"$streams "[method]output-stream.write-zeroes""#)],
        r#"(import "host" "get" (func $get (result i32))) (import "host" "zeroes" (func $zeroes (param i32 i64 i32)))
           (func (export "run") (call $zeroes (call $get) (i64.const 0x4000000000000000) (i32.const 0)))"#,
        RUN,
    );
    ends_in(Code::GuestTrapped, &bytes).await;
}
