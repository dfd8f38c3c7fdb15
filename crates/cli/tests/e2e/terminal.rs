//! The bar on a terminal that is resized. tmux is the terminal; it wraps lines again when it becomes narrower.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Api, Folder, quick, until};
use batchpost_sandbox::Settings;

/// A tmux server with one window, which ends with it.
struct Tmux<'a>(&'a Folder);

impl Tmux<'_> {
    fn call(&self, arguments: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(self.0.path("tmux")).args(["-f", "/dev/null"]).args(arguments);
        // A pane gets the environment of the server, which begins with the first command.
        let path = std::env::var_os("PATH").unwrap();
        let ran = self.0.isolated(tmux).env("PATH", path).env("LC_ALL", "C.UTF-8").output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }

    /// The lines on the screen that begin like this one of the bar.
    fn on_screen(&self, start: &str) -> Vec<String> {
        let screen = self.call(&["capture-pane", "-p"]);
        screen.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.call(&["kill-server"]);
    }
}

/// indicatif's own drawing moves up by the number of lines that it drew, and leaves a bar behind at each resize.
#[test]
fn after_each_resize_one_bar_is_on_the_screen() {
    let has_tmux = Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok();
    if !has_tmux {
        assert!(!cfg!(target_os = "linux") || std::env::var_os("CI").is_none(), "install tmux");
        return;
    }
    let api = Api::start(Settings { limit: Some(5), window: Duration::from_secs(1), ..quick() });
    let folder = Folder::with_rows(200);
    let run = folder.run_command(&api.url(), &["--limit", "5/1s", "--yes"]);
    let arguments: Vec<&str> =
        std::iter::once(run.get_program()).chain(run.get_args()).map(|a| a.to_str().unwrap()).collect();
    let tmux = Tmux(&folder);
    tmux.call(&[&["new-session", "-d", "-x", "120", "-y", "30"][..], &arguments].concat());
    until("the bar is drawn", || !tmux.on_screen("posted ").is_empty());
    for columns in ["50", "34", "120"] {
        // The number of posted rows changes when the bar is drawn, not when tmux wraps it.
        let posted =
            || tmux.on_screen("posted ").last().map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned());
        tmux.call(&["resize-window", "-x", columns]);
        let before = posted();
        until("the bar is drawn again", || posted().is_some_and(|now| Some(now) != before));
        assert_eq!([tmux.on_screen("posted ").len(), tmux.on_screen("█").len()], [1, 1], "{columns} columns");
    }
}
