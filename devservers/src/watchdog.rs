//! Stops a server when the process that started it is gone, however it went.
//!
//! A watchdog is a small shell script that reads a pipe. The other end is ours: when our process ends, even by
//! `kill -9`, the kernel closes it, and the script stops the server and removes its files. It needs no unsafe code
//! (as `PR_SET_PDEATHSIG` would) and works for servers that run under another account.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::error::DevServerError;

/// What both scripts share: `$1` is text that the server's command line must contain, `$2` the folder to remove.
const STOP: &str = r#"
trap '' HUP INT TERM
running() {
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 1
    [ ! -d /proc/self ] || tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -e "$1"
}
stop() {
    if running "$1"; then kill -"$3" "$pid"; fi
    left=100
    while running "$1" && [ $left -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
    if running "$1"; then kill -KILL "$pid"; fi
    if [ -n "$2" ]; then rm -rf -- "$2" || { sleep 1; rm -rf -- "$2"; }; fi
}
"#;

const PIPE: &str = r#"
pid=
while read -r word value; do
    case $word in
        pid) pid=$value ;;
        done) exit 0 ;;
    esac
done
stop "$1" "$2" "$3"
"#;

/// `$4` is the process, `$5` a file that is touched while somebody uses the server, `$6` the lock that joiners hold.
const IDLE: &str = r#"
pid=$4
while running "$1" && [ -e "$5" ]; do
    sleep 2
    [ -n "$(find "$5" -mmin +2 2>/dev/null)" ] || continue
    # Nobody may join between the second look and the end.
    if [ -e "$6" ] && command -v flock >/dev/null; then exec 9<>"$6"; flock 9; fi
    [ -n "$(find "$5" -mmin +2 2>/dev/null)" ] && break
    exec 9>&-
done
stop "$1" "$2" "$3"
"#;

/// How a server is told to stop.
#[derive(Debug, Clone, Copy)]
pub enum StopBy {
    /// PostgreSQL's immediate shutdown.
    Quit,
    /// The usual request.
    Terminate,
}

impl StopBy {
    fn name(self) -> &'static str {
        match self {
            Self::Quit => "QUIT",
            Self::Terminate => "TERM",
        }
    }
}

/// A watchdog whose pipe we hold.
#[derive(Debug)]
pub struct Watchdog(Child);

impl Watchdog {
    /// Starts a watchdog, before the server so that there is no moment without one. `marker` is text that the
    /// server's command line contains; `remove` is deleted after an unexpected end.
    ///
    /// # Errors
    /// When there is no `sh`.
    pub fn start(marker: &str, stop_by: StopBy, remove: Option<&Path>) -> Result<Self, DevServerError> {
        script(PIPE)
            .args([
                marker,
                &remove.map(Path::to_string_lossy).unwrap_or_default(),
                stop_by.name(),
            ])
            .stdin(Stdio::piped())
            .spawn()
            .map(Self)
            .map_err(DevServerError::io("start", "sh"))
    }

    /// Tells it which process to stop from now on.
    pub fn watch(&mut self, pid: u32) {
        self.say(&format!("pid {pid}\n"));
    }

    /// Sends it away: the server is stopped, or somebody else looks after it.
    pub fn dismiss(&mut self) {
        self.say("done\n");
        let _ = self.0.wait();
    }

    fn say(&mut self, line: &str) {
        if let Some(pipe) = self.0.stdin.as_mut() {
            let _ = pipe.write_all(line.as_bytes()).and_then(|()| pipe.flush());
        }
    }
}

/// A server that outlives us, and when it is to stop.
#[derive(Debug, Clone, Copy)]
pub struct Idle<'a> {
    /// Text that the server's command line contains.
    pub marker: &'a str,
    /// The process to stop.
    pub pid: u32,
    /// Touched while somebody uses the server; two minutes without a touch, or its removal, end the server.
    pub heartbeat: &'a Path,
    /// Held by whoever joins.
    pub lock: &'a Path,
    /// Removed in the end.
    pub remove: &'a Path,
}

/// Starts the watchdog of a server that outlives us. It keeps `held` open, and with it the lock on that file.
///
/// # Errors
/// When there is no `sh`.
pub fn start_idle(idle: Idle<'_>, stop_by: StopBy, held: File) -> Result<(), DevServerError> {
    script(IDLE)
        .args([
            idle.marker,
            &idle.remove.to_string_lossy(),
            stop_by.name(),
            &idle.pid.to_string(),
        ])
        .args([idle.heartbeat, idle.lock])
        .stdin(held)
        .spawn()
        .map(drop)
        .map_err(DevServerError::io("start", "sh"))
}

fn script(body: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{STOP}{body}"), "opstella-watchdog"])
        .current_dir("/")
        // Ctrl-C reaches every process of the terminal's group; the watchdog must outlive it.
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
