//! Signals and process trees.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often a condition is looked at again.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Sends a signal; a process that is gone is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid)
        && pid > 1
    {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Kills a process and its direct children at once, as a power cut would, and waits until they are gone.
pub fn kill_tree(pid: u32, child: &mut Child) {
    // Stopped, it cannot start more children while we list them.
    signal(pid, Signal::SIGSTOP);
    let children = children_of(pid);
    for process in &children {
        signal(*process, Signal::SIGKILL);
    }
    signal(pid, Signal::SIGKILL);
    let _ = child.wait();
    let deadline = Instant::now() + Duration::from_secs(10);
    while children.iter().any(|process| alive(*process)) && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
}

/// Waits until a child ends, at most `limit`; then kills it.
pub fn reap(child: &mut Child, limit: Duration) {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(POLL);
    }
    kill_tree(child.id(), child);
}

/// Whether a process runs whose command line contains `marker`. Guards against process numbers used again.
pub fn is_running(pid: u32, marker: &Path) -> bool {
    let Ok(command_line) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    String::from_utf8_lossy(&command_line).contains(&*marker.to_string_lossy())
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| stat(*pid).is_some_and(|(_, found)| found == parent))
        .collect()
}

/// Alive, and not a zombie that nobody has collected.
fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// State and parent. The program's name, in brackets, may itself contain brackets and blanks.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let state = words.next()?.chars().next()?;
    Some((state, words.next()?.parse().ok()?))
}
