//! The memory, the open files and the children of a process, where the system tells (Linux; elsewhere nothing is measured).

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Seek as _;

/// A field of a process's status in KiB, such as `VmRSS` (now) or `VmHWM` (its peak); `self` is this process
/// (proc_pid_status(5)).
pub fn kib(process: &str, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// How many files, sockets and pipes a process has open; `None` if it is gone.
pub fn descriptors(process: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count())
}

/// The children of a process, with their states (proc_pid_stat(5)): `Z` is a zombie.
pub fn children(of: u32) -> BTreeMap<u32, char> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name, in parentheses, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        if fields[1] == of.to_string() {
            found.insert(pid, fields[0].chars().next().unwrap());
        }
    }
    found
}

/// All readable memory of a process; `None` where this user may not read it.
pub fn whole(pid: u32) -> Option<Vec<u8>> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut file = std::fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|rights| rights.starts_with('r')))
    {
        let (start, end) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        if line.contains("[vvar") || line.contains("[vsyscall]") || file.seek(std::io::SeekFrom::Start(start)).is_err()
        {
            continue;
        }
        // What was unmapped meanwhile is not there to be read.
        let mut bytes = Vec::new();
        drop((&mut file).take(end - start).read_to_end(&mut bytes));
        all.extend(bytes);
    }
    Some(all)
}
