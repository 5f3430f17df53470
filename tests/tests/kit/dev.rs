//! `hotcell dev`: a build that fails is shown and waited over; Ctrl-C ends it; nothing is granted by itself.

use std::io::BufRead as _;
use std::io::BufReader;
use std::sync::mpsc;
use std::time::Duration;

use hotcell_tests::Cell;

const WAIT: Duration = Duration::from_secs(60);

fn broken(cell: &Cell) -> std::path::PathBuf {
    let folder = cell.path().join("project");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("hotcell.toml"), "name = \"t\"\nversion = \"1\"\n[build]\nlang = \"rust\"\n").unwrap();
    folder
}

#[test]
fn a_build_that_fails_is_shown_again_after_each_change_and_ctrl_c_ends_it_cleanly() {
    let cell = Cell::new("ghp_");
    let folder = broken(&cell);
    let mut command = cell.command(&["dev", &folder.display().to_string()]);
    let mut child = command.env("HOTCELL_LOG", "warn").env_remove("RUST_LOG").spawn().unwrap();
    let (send, lines) = mpsc::channel();
    let stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    let mut said = Vec::new();
    let mut until = |text: &str| {
        loop {
            let line = lines.recv_timeout(WAIT).unwrap_or_else(|_| panic!("no `{text}` in {said:#?}"));
            said.push(line);
            if said.last().unwrap().contains(text) {
                return;
            }
        }
    };
    until("hint");
    until("waiting for changes");
    std::fs::write(folder.join("src/lib.rs"), "fn").unwrap();
    until("hint");
    until("waiting for changes");
    let id = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    until("ended");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    cell.sinks.keep("dev", said.join("\n"));
}

#[test]
fn i4_no_build_takes_the_place_of_a_tool_without_a_persons_yes() {
    let cell = Cell::new("ghp_");
    let folder = broken(&cell).display().to_string();
    let ran = cell.hotcell(&["dev", &folder, "--action", "hello"]).exits(3);
    ran.says("nobody can be asked").says("--yes");
    cell.hotcell(&["dev", &folder, "--yes"]).exits(2);
}
