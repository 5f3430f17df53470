//! Compiled code that is kept: used where it is genuine, compiled anew where it is not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic and prepare files"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::World;
use hotcell_sandbox::CodeCache;
use hotcell_sandbox::Sandbox;
use serde_json::json;
use support::Recorder;
use support::component;
use support::sandbox;

const KEY: [u8; 32] = [7; 32];

/// A component whose `run` returns this number.
fn answering(number: u32) -> Vec<u8> {
    component(
        &format!(r#"(func (export "run") (result i32) (i32.const {number}))"#),
        r#"(func (export "run") (result u32) (canon lift (core func $i "run")))"#,
    )
}

struct Kept {
    folder: tempfile::TempDir,
    compiled: AtomicUsize,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), compiled: AtomicUsize::new(0) }
    }

    fn cache(&self, key: [u8; 32]) -> CodeCache {
        CodeCache::new(Dir::open_ambient_dir(self.folder.path(), ambient_authority()).unwrap(), key)
    }

    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        hotcell_sandbox::compile(bytes)
    }

    async fn answer(&self, sandbox: &Sandbox, bytes: &[u8], key: [u8; 32]) -> u64 {
        let compile = |bytes: &[u8]| self.compile(bytes);
        let compiled = self.cache(key).compiled(bytes, Digest::of(bytes), &Imports::NONE, compile).unwrap();
        let tool = sandbox.load_compiled(compiled).unwrap();
        let request = support::request("run", json!({}), support::limits());
        match sandbox.call(&tool, request, Arc::new(Recorder::default())).await.verdict {
            Verdict::Returned(value) => value.as_u64().unwrap(),
            other => unreachable!("{other:?}"),
        }
    }

    fn times_compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

#[tokio::test]
async fn what_is_kept_is_not_compiled_again_in_this_sandbox_or_the_next() {
    let kept = Kept::new();
    let bytes = answering(42);
    for _ in 0..3 {
        assert_eq!(kept.answer(&sandbox(), &bytes, KEY).await, 42);
    }
    assert_eq!((kept.times_compiled(), kept.files().len()), (1, 1));
    kept.cache(KEY).forget(Digest::of(&bytes));
    assert!(kept.files().is_empty());
}

#[tokio::test]
async fn i2_a_flipped_byte_anywhere_means_compile_again_and_never_run() {
    let kept = Kept::new();
    let (sandbox, bytes) = (sandbox(), answering(42));
    kept.answer(&sandbox, &bytes, KEY).await;
    let file = kept.files().remove(0);
    let whole = std::fs::read(&file).unwrap();
    // Every byte of the head, and places all over the code.
    let places = (0..200).chain((200..whole.len()).step_by(whole.len() / 50));
    for (round, at) in places.enumerate() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&file, changed).unwrap();
        assert_eq!(kept.answer(&sandbox, &bytes, KEY).await, 42);
        assert_eq!(kept.times_compiled(), round + 2, "a change at {at} was not seen");
    }
    for length in [0, 1, 16, 47, 48, 56, whole.len() - 1] {
        let before = kept.times_compiled();
        std::fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(kept.answer(&sandbox, &bytes, KEY).await, 42);
        assert_eq!(kept.times_compiled(), before + 1, "cut to {length}");
    }
}

#[tokio::test]
async fn i2_two_files_cannot_change_places_and_another_key_opens_none() {
    let kept = Kept::new();
    let sandbox = sandbox();
    let (one, two) = (answering(1), answering(2));
    kept.answer(&sandbox, &one, KEY).await;
    kept.answer(&sandbox, &two, KEY).await;
    let files = kept.files();
    let contents: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    std::fs::write(&files[0], &contents[1]).unwrap();
    std::fs::write(&files[1], &contents[0]).unwrap();
    assert_eq!((kept.answer(&sandbox, &one, KEY).await, kept.answer(&sandbox, &two, KEY).await), (1, 2));
    assert_eq!(kept.times_compiled(), 4);
    assert_eq!(kept.answer(&sandbox, &one, [8; 32]).await, 1);
    assert_eq!(kept.times_compiled(), 5);
}

/// A description is kept with the code, so what was let in by one grant must not be found under another.
#[test]
fn a2_what_one_grant_lets_in_another_does_not_find() {
    let kept = Kept::new();
    let text = r#"(component
        (import "wasi:http/types@0.2.0" (instance))
        (core module $m (func (export "run")))
        (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let bytes = wat::parse_str(text).unwrap();
    let under = |imports: &Imports| {
        let compile = |bytes: &[u8]| kept.compile(bytes);
        kept.cache(KEY).compiled(&bytes, Digest::of(&bytes), imports, compile).map(drop)
    };
    let http = Imports { worlds: [World::WasiHttp].into(), ..Imports::NONE };
    let near = Imports { worlds: [World::NearAgent].into(), ..Imports::NONE };
    under(&http).unwrap();
    for imports in [&Imports::NONE, &near] {
        assert_eq!(under(imports).unwrap_err().code, Code::ImportNotAllowed, "{imports:?}");
    }
    under(&http).unwrap();
    assert_eq!(kept.times_compiled(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_time_and_nothing_else() {
    let kept = Kept::new();
    let bytes = answering(42);
    let folder = tempfile::tempdir().unwrap();
    let gone = CodeCache::new(Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap(), KEY);
    drop(folder);
    let sandbox = sandbox();
    for _ in 0..2 {
        let compiled = gone.compiled(&bytes, Digest::of(&bytes), &Imports::NONE, |bytes| kept.compile(bytes));
        let tool = sandbox.load_compiled(compiled.unwrap());
        assert!(tool.is_ok());
    }
    assert_eq!(kept.times_compiled(), 2);
}
