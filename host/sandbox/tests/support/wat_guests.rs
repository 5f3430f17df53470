//! Components written as text: what Rust cannot express, or would hide. Used by the tests of this crate, and by the corpus of
//! hostile guests (tests/src/corpus), which includes this file.

pub const CLOCK: &str = r#"(import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (export "now" (func (result u64))) (export "resolution" (func (result u64)))))"#;

pub const POLL: &str = r#"
    (import "wasi:io/poll@0.2.6" (instance $poll
        (export "pollable" (type $p (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $p))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
        (alias outer 1 $pollable (type $outer)) (export "pollable" (type $p (eq $outer)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))"#;

/// `stdout` and `stderr` with `output-stream.write` and `check-write`, `stdin` with `input-stream.blocking-read`.
pub const STREAMS: &str = r#"
    (import "wasi:io/error@0.2.6" (instance $errors (export "error" (type (sub resource)))))
    (alias export $errors "error" (type $error))
    (import "wasi:io/streams@0.2.6" (instance $streams
        (alias outer 1 $error (type $outer)) (export "error" (type $error (eq $outer)))
        (type $failed' (variant (case "last-operation-failed" (own $error)) (case "closed")))
        (export "stream-error" (type $failed (eq $failed')))
        (export "output-stream" (type $out (sub resource)))
        (export "input-stream" (type $in (sub resource)))
        (export "[method]output-stream.write" (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $failed)))))
        (export "[method]output-stream.write-zeroes" (func (param "self" (borrow $out)) (param "len" u64) (result (result (error $failed)))))
        (export "[method]input-stream.blocking-read" (func (param "self" (borrow $in)) (param "len" u64) (result (result (list u8) (error $failed)))))))
    (alias export $streams "output-stream" (type $output))
    (alias export $streams "input-stream" (type $input))
    (import "wasi:cli/stdout@0.2.6" (instance $stdout
        (alias outer 1 $output (type $outer)) (export "output-stream" (type $out (eq $outer)))
        (export "get-stdout" (func (result (own $out))))))
    (import "wasi:cli/stderr@0.2.6" (instance $stderr
        (alias outer 1 $output (type $outer)) (export "output-stream" (type $out (eq $outer)))
        (export "get-stderr" (func (result (own $out))))))
    (import "wasi:cli/stdin@0.2.6" (instance $stdin
        (alias outer 1 $input (type $outer)) (export "input-stream" (type $in (eq $outer)))
        (export "get-stdin" (func (result (own $in))))))"#;

pub const SLEEP: [(&str, &str); 2] =
    [("after", r#"$clock "subscribe-duration""#), ("block", r#"$poll "[method]pollable.block""#)];
pub const IMPORT_SLEEP: &str = r#"(import "host" "after" (func $after (param i64) (result i32))) (import "host" "block" (func $block (param i32)))"#;

/// A component of one core module, whose functions are lifted by `lifts`.
pub fn component(module: &str, lifts: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module $m {module}) (core instance $i (instantiate $m)) {lifts})"))
        .unwrap()
}

/// A component whose one action `run` takes and returns nothing.
pub fn running(module: &str) -> Vec<u8> {
    component(module, r#"(func (export "run") (canon lift (core func $i "run")))"#)
}

/// A component that imports: `imports` declares instances, each of `lowered` is a core name and a function of one of
/// them (`$clock "now"`), `more` defines further core functions by name, and `code` is the core module that calls them
/// from `host`. It shares a memory of four pages with an allocator in its upper half.
pub fn importing(imports: &str, lowered: &[(&str, &str)], code: &str, lifts: &str) -> Vec<u8> {
    let lower = |(name, function): &(&str, &str)| {
        format!(
            r#"(core func ${name} (canon lower (func {function}) (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))"#
        )
    };
    let lowers: String = lowered.iter().map(lower).collect();
    let exports: String = lowered.iter().map(|(name, _)| format!(r#"(export "{name}" (func ${name}))"#)).collect();
    wat::parse_str(format!(
        r#"(component {imports}
        (core module $memory (memory (export "memory") 4) (global $next (mut i32) (i32.const 131072))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                (global.set $next (i32.add (local.get $at) (local.get 3))) (local.get $at)))
        (core instance $mem (instantiate $memory))
        {lowers}
        (core module $m (import "mem" "memory" (memory 4)) {code})
        (core instance $i (instantiate $m (with "mem" (instance $mem)) (with "host" (instance {exports}))))
        {lifts})"#
    ))
    .unwrap()
}

/// The lift of `run: func() -> u32`.
pub const RUN_U32: &str = r#"(func (export "run") (result u32) (canon lift (core func $i "run")))"#;
/// The lift of `run: func()`.
pub const RUN: &str = r#"(func (export "run") (canon lift (core func $i "run")))"#;

/// A tool that works: what must still run after every attack.
pub fn good() -> Vec<u8> {
    component(
        r#"(memory (export "memory") 1) (data (i32.const 16) "hello") (global $calls (mut i32) (i32.const 0))
           (func (export "run") (result i32)
             (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 5)) (i32.const 0))
           (func (export "calls") (result i32)
             (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (global.get $calls))"#,
        r#"(func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory"))))
           (func (export "calls") (result u32) (canon lift (core func $i "calls")))"#,
    )
}
