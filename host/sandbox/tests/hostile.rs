//! Guests that want the host's time, memory or life. Each ends in its own clear code, and the next call works.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hotcell_protocol::CallRequest;
use hotcell_protocol::Code;
use hotcell_protocol::Imports;
use hotcell_protocol::Limits;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use serde_json::json;
use support::*;

/// How far over its limit a call may end: one tick to see it, and a machine that is busy with other tests.
const SLACK: Duration = Duration::from_millis(400);

#[tokio::test]
async fn c1_a_loop_for_ever_ends_at_its_processor_time() {
    let outcome = ends_in(Code::DeadlineExceeded, &running(r#"(func (export "run") (loop br 0))"#)).await;
    assert!(outcome.cost.wall < support::limits().cpu_time * 2 + SLACK, "{:?}", outcome.cost.wall);
}

#[tokio::test]
async fn c1_a_loop_for_ever_ends_at_the_deadline() {
    let sandbox = sandbox();
    let short = Limits { deadline: Duration::from_millis(200), cpu_time: Duration::from_secs(60), ..Limits::default() };
    let outcome = call_with(&sandbox, &running(r#"(func (export "run") (loop br 0))"#), "run", json!({}), short).await;
    assert_eq!(refused(&outcome).code, Code::DeadlineExceeded);
    assert!(
        outcome.cost.wall >= short.deadline && outcome.cost.wall < short.deadline + SLACK,
        "{:?}",
        outcome.cost.wall
    );
}

#[tokio::test]
async fn c2_a_loop_in_a_start_function_ends() {
    ends_in(Code::DeadlineExceeded, &running(r#"(func $s (loop br 0)) (start $s) (func (export "run"))"#)).await;
}

#[tokio::test]
async fn c3_a_loop_in_realloc_ends_while_the_host_hands_over_an_argument() {
    let bytes = component(
        r#"(memory (export "memory") 1) (func (export "run") (param i32 i32))
           (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop br 0) (unreachable))"#,
        r#"(func (export "run") (param "text" string) (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))"#,
    );
    let outcome = call_with(&sandbox(), &bytes, "run", json!({"text": "x"}), support::limits()).await;
    assert_eq!(refused(&outcome).code, Code::DeadlineExceeded);
}

#[tokio::test]
async fn c4_a_loop_in_post_return_ends() {
    let bytes = component(
        r#"(memory (export "memory") 1) (func (export "run") (result i32) (i32.const 0)) (func (export "post") (param i32) (loop br 0))"#,
        r#"(func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory")) (post-return (core func $i "post"))))"#,
    );
    ends_in(Code::DeadlineExceeded, &bytes).await;
}

#[tokio::test]
async fn c6_filling_memory_in_bulk_for_ever_ends() {
    let module = r#"(memory 1000) (func (export "run") (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 65000000)) br 0))"#;
    ends_in(Code::DeadlineExceeded, &running(module)).await;
}

#[tokio::test]
async fn m1_growing_memory_without_end_is_memory_exceeded() {
    let module = r#"(memory 1) (func (export "run") (loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable))"#;
    let outcome = ends_in(Code::MemoryExceeded, &running(module)).await;
    assert!(outcome.cost.memory_bytes <= limits::MEMORY_BYTES);
    assert!(outcome.cost.memory_bytes > limits::MEMORY_BYTES / 2);
}

#[tokio::test]
async fn m1_the_memory_limit_counts_all_memories_together() {
    let module = r#"(memory $a 1) (memory $b 1)
        (func (export "run")
          (if (i32.eq (memory.grow $a (i32.const 600)) (i32.const -1)) (then (unreachable)))
          (if (i32.eq (memory.grow $b (i32.const 600)) (i32.const -1)) (then (unreachable))))"#;
    ends_in(Code::MemoryExceeded, &running(module)).await;
}

#[test]
fn m2_declaring_four_gibibytes_is_refused_before_it_runs() {
    let refusal = sandbox().load(&running(r#"(memory 65536) (func (export "run"))"#), &Imports::NONE).err().unwrap();
    assert_eq!(refusal.code, Code::MemoryExceeded);
    assert!(refusal.message.contains("4294967296"), "{}", refusal.message);
}

#[test]
fn m3_a_hundred_memories_are_refused() {
    let module = format!("{} (func (export \"run\"))", "(memory 0)".repeat(100));
    let refusal = sandbox().load(&running(&module), &Imports::NONE).err().unwrap();
    assert!(matches!(refusal.code, Code::BadComponent | Code::MemoryExceeded), "{refusal:?}");
}

#[tokio::test]
async fn m4_growing_a_table_without_end_is_memory_exceeded() {
    let module = r#"(table 1 funcref) (func (export "run")
        (loop (br_if 0 (i32.ne (table.grow (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable))"#;
    ends_in(Code::MemoryExceeded, &running(module)).await;
}

#[test]
fn m5_memory64_and_shared_memory_are_refused() {
    for memory in ["(memory i64 1)", "(memory 1 1 shared)"] {
        let bytes = running(&format!("{memory} (func (export \"run\"))"));
        assert_eq!(sandbox().load(&bytes, &Imports::NONE).err().unwrap().code, Code::BadComponent, "{memory}");
    }
}

#[tokio::test]
async fn m8_a_result_of_a_gibibyte_that_is_not_there_is_a_trap() {
    let bytes = component(
        r#"(memory (export "memory") 1)
           (func (export "run") (result i32) (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 0x40000000)) (i32.const 0))"#,
        r#"(func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory"))))"#,
    );
    ends_in(Code::GuestTrapped, &bytes).await;
}

#[tokio::test]
async fn m8_a_result_of_sixty_megabytes_is_too_large() {
    let bytes = component(
        r#"(memory (export "memory") 1000)
           (func (export "run") (result i32) (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 60000000)) (i32.const 0))"#,
        r#"(func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory"))))"#,
    );
    ends_in(Code::ResultTooLarge, &bytes).await;
}

#[tokio::test]
async fn m8_a_result_just_over_its_limit_is_too_large() {
    let bytes = component(
        r#"(memory (export "memory") 100)
           (func (export "run") (result i32) (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 5000000)) (i32.const 0))"#,
        r#"(func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory"))))"#,
    );
    ends_in(Code::ResultTooLarge, &bytes).await;
}

#[tokio::test]
async fn m9_ten_million_empty_strings_in_one_list_are_too_large() {
    let bytes = component(
        r#"(memory (export "memory") 1300)
           (func (export "run") (result i32) (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 10000000)) (i32.const 0))"#,
        r#"(func (export "run") (result (list string)) (canon lift (core func $i "run") (memory (core memory $i "memory"))))"#,
    );
    // 1,300 pages are over the memory limit: the list lies in memory that does not exist.
    assert_eq!(sandbox().load(&bytes, &Imports::NONE).err().unwrap().code, Code::MemoryExceeded);
    let bytes = component(
        r#"(memory (export "memory") 1000)
           (func (export "run") (result i32) (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 8000000)) (i32.const 0))"#,
        r#"(func (export "run") (result (list string)) (canon lift (core func $i "run") (memory (core memory $i "memory"))))"#,
    );
    ends_in(Code::ResultTooLarge, &bytes).await;
}

#[tokio::test]
async fn s1_endless_recursion_is_a_stack_overflow() {
    let outcome = ends_in(Code::GuestTrapped, &running(r#"(func $f (export "run") (call $f))"#)).await;
    assert!(refused(&outcome).message.contains("stack"), "{outcome:?}");
}

#[tokio::test]
async fn l1_a_trap_is_named_and_the_host_goes_on() {
    ends_in(Code::GuestTrapped, &running(r#"(func (export "run") (unreachable))"#)).await;
    ends_in(Code::GuestTrapped, &running(r#"(func (export "run") (drop (i32.div_u (i32.const 1) (i32.const 0))))"#))
        .await;
}

#[tokio::test]
async fn h2_a_call_sees_nothing_of_the_call_before() {
    let sandbox = sandbox();
    let write = r#"(memory (export "memory") 4) (func (export "run") (memory.fill (i32.const 0) (i32.const 0xAB) (i32.const 262144)))"#;
    let sum = component(
        r#"(memory 4) (func (export "run") (result i32) (local $at i32) (local $sum i32)
             (loop (local.set $sum (i32.or (local.get $sum) (i32.load (local.get $at))))
               (local.set $at (i32.add (local.get $at) (i32.const 4)))
               (br_if 0 (i32.lt_u (local.get $at) (i32.const 262144))))
             (local.get $sum))"#,
        r#"(func (export "run") (result u32) (canon lift (core func $i "run")))"#,
    );
    for _ in 0..20 {
        assert_eq!(call(&sandbox, &running(write)).await.verdict, Verdict::Returned(json!(null)));
        assert_eq!(call(&sandbox, &sum).await.verdict, Verdict::Returned(json!(0)));
    }
}

/// The same for tables: an instance in the slot of another finds none of its functions.
#[tokio::test]
async fn h2_a_call_finds_no_function_of_the_call_before_in_its_table() {
    let sandbox = sandbox();
    let write = r#"(table 1000 funcref) (func $f) (elem declare func $f)
        (func (export "run") (table.fill (i32.const 0) (ref.func $f) (i32.const 1000)))"#;
    let count = component(
        r#"(table 1000 funcref) (func (export "run") (result i32) (local $at i32) (local $found i32)
             (loop (if (i32.eqz (ref.is_null (table.get (local.get $at))))
                 (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
               (local.set $at (i32.add (local.get $at) (i32.const 1)))
               (br_if 0 (i32.lt_u (local.get $at) (i32.const 1000))))
             (local.get $found))"#,
        r#"(func (export "run") (result u32) (canon lift (core func $i "run")))"#,
    );
    for _ in 0..20 {
        assert_eq!(call(&sandbox, &running(write)).await.verdict, Verdict::Returned(json!(null)));
        assert_eq!(call(&sandbox, &count).await.verdict, Verdict::Returned(json!(0)));
    }
}

#[tokio::test]
async fn p8_a_counter_starts_anew_in_each_call() {
    let sandbox = sandbox();
    for _ in 0..3 {
        let outcome = call_with(&sandbox, &good(), "calls", json!({}), support::limits()).await;
        assert_eq!(outcome.verdict, Verdict::Returned(json!(1)));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_guest_that_loops_does_not_keep_the_others_waiting() {
    let sandbox = Arc::new(sandbox());
    let looping = sandbox.load(&running(r#"(func (export "run") (loop br 0))"#), &Imports::NONE).unwrap();
    let working = Arc::new(sandbox.load(&good(), &Imports::NONE).unwrap());
    let busy = {
        let sandbox = Arc::clone(&sandbox);
        let limits = Limits { cpu_time: Duration::from_secs(2), ..support::limits() };
        let request = CallRequest { action: "run".into(), arguments: json!({}), limits };
        tokio::spawn(async move { sandbox.call(&looping, request, Arc::new(Recorder::default())).await })
    };
    let started = Instant::now();
    let calls = (0..64).map(|_| {
        let (sandbox, working) = (Arc::clone(&sandbox), Arc::clone(&working));
        let request = CallRequest { action: "run".into(), arguments: json!({}), limits: support::limits() };
        tokio::spawn(async move { sandbox.call(&working, request, Arc::new(Recorder::default())).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().verdict, Verdict::Returned(json!("hello")));
    }
    assert!(started.elapsed() < Duration::from_millis(1_900), "{:?}", started.elapsed());
    assert_eq!(refused(&busy.await.unwrap()).code, Code::DeadlineExceeded);
}

#[tokio::test]
async fn l2_a_call_that_is_dropped_at_any_moment_leaves_the_sandbox_usable() {
    let sandbox = sandbox();
    let tool = sandbox.load(&running(r#"(func (export "run") (loop br 0))"#), &Imports::NONE).unwrap();
    for wait in 0..60_u64 {
        let request = CallRequest { action: "run".into(), arguments: json!({}), limits: support::limits() };
        let call = sandbox.call(&tool, request, Arc::new(Recorder::default()));
        assert!(tokio::time::timeout(Duration::from_micros(wait * 400), call).await.is_err());
    }
    assert_eq!(call(&sandbox, &good()).await.verdict, Verdict::Returned(json!("hello")));
}
