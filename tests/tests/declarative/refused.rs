//! What is refused at installation: other executors than the shipped one, and manifests that reach further than they may.

use hotcell_tests::Cell;
use hotcell_tests::programs;

use super::example;
use super::executor;
use super::install;
use super::mirror;
use super::service;
use super::write;

#[tokio::test(flavor = "multi_thread")]
async fn i10_an_executor_that_is_not_the_shipped_one_is_refused() {
    let upstream = mirror().await;
    let cell = Cell::new("ghp_");
    cell.config(&service("private-api", "https://api.github.com", &upstream));
    let manifest = example("private-api/hotcell.toml");
    let file = write(&cell, &manifest);
    // One that does not export what its name says: every other tool.
    let liar = cell.path().join("http-executor.wasm");
    std::fs::copy(programs::guest("github-issues"), &liar).unwrap();
    let folder = cell.path().display().to_string();
    cell.hotcell(&["install", "--yes", "--executors", &folder, &file]).exits(3).says("the executor is not `http`");
    let named = liar.display().to_string();
    cell.hotcell(&["install", "--yes", "--executor", &named, &file]).exits(3).says("the executor is not `http`");
    // A manifest that names another digest.
    let pinned =
        |digest: &str| manifest.replace("executor = \"http\"", &format!("executor = \"http@sha256:{digest}\""));
    install(&cell, &pinned(&"0".repeat(64))).exits(3).says("the one that the manifest names");
    // An executor that somebody changed, packed with the manifest: not the one that is shipped here.
    let mut other = std::fs::read(executor()).unwrap();
    other.extend([0, 2, 1, b'x']);
    let packed = hotcell::with_manifest(&other, &manifest).unwrap();
    let file = cell.path().join("packed.wasm");
    std::fs::write(&file, packed).unwrap();
    let file = file.display().to_string();
    cell.hotcell(&["install", "--yes", "--executor", &executor(), &file]).exits(3).says("the one that is shipped here");
    // Without any executor there is nothing to compare with.
    cell.hotcell(&["install", "--yes", &file]).exits(6).says("the executor `http` is not there").says("--executor");
    cell.hotcell(&["list"]).exits(0).says("no tool is installed");
    // What is packed with the shipped one is what the manifest alone gives.
    let packed = hotcell::with_manifest(&std::fs::read(executor()).unwrap(), &manifest).unwrap();
    std::fs::write(&file, packed).unwrap();
    cell.hotcell(&["install", "--yes", "--executor", &executor(), &file]).exits(0);
    let digest =
        |cell: &Cell| cell.hotcell(&["list", "--json"]).exits(0).json()[0]["declared"]["executor_digest"].clone();
    let first = digest(&cell);
    install(&cell, &pinned(first.as_str().unwrap())).exits(0);
    assert_eq!(digest(&cell), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_a_manifest_that_reaches_further_is_refused_with_its_line() {
    let upstream = mirror().await;
    let cell = Cell::new("ghp_");
    cell.config(&service("private-api", "https://api.github.com", &upstream));
    let manifest = example("private-api/hotcell.toml");
    for (old, new, says) in [
        ("${service.github}/repos", "https://evil.example/repos", "no rule of `public` has the origin"),
        ("${service.github}/repos", "${service.supabase}/repos", "does not ask for the service `supabase`"),
        ("repos/${owner}", "repos/${env.TOKEN}", "`${env.TOKEN}` is no name"),
        ("repos/${owner}", "repos/${token}", "there is no parameter `token`"),
        ("headers = { accept", "headers = { authorization = \"${owner}\", accept", "is the host's to set"),
        ("github = [\"issues:read\"]", "gitlab = [\"issues:read\"]", "does not ask for the service `github`"),
        ("method = \"GET\"", "method = \"TRACE\"", "TRACE"),
    ] {
        let text = manifest.replacen(old, new, 1);
        assert_ne!(text, manifest, "{old}");
        let ran = install(&cell, &text).exits(6).says(says);
        assert!(ran.stderr.contains("tool.toml, line "), "{}", ran.stderr);
    }
    // A tool with code gets no request, and a manifest alone is no tool with code.
    let plain = manifest.replace("executor = \"http\"\n", "");
    install(&cell, &plain).exits(6).says("only a tool with an `executor`");
    install(&cell, "name = \"a\"\nversion = \"1\"\n").exits(6).says("the manifest of a tool with code");
}
