//! The install script of the Debian package, run with fake system commands in a temporary folder.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// Configures the package in `root`. `group` tells whether the group exists. Returns the log of the system
/// commands.
fn configure(root: &Path, group: bool) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/debian/postinst");
    let state = root.join("var/lib/batchpost");
    let script = fs::read_to_string(script).unwrap().replace("/var/lib/batchpost", state.to_str().unwrap());
    fs::create_dir_all(root.join("var/lib")).unwrap();
    fs::create_dir_all(root.join("bin")).unwrap();
    let log = root.join("log");
    fs::File::create(&log).unwrap();
    for (name, end) in [("getent", if group { "exit 0" } else { "exit 2" }), ("groupadd", ""), ("chgrp", "")] {
        let path = root.join("bin").join(name);
        let text = format!("#!/bin/sh\necho {name} \"$@\" >> {}\n{end}\n", log.display());
        std::io::Write::write_all(&mut fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", root.join("bin").display());
    let status = Command::new("/bin/sh").args(["-c", &script, "postinst", "configure"]).env("PATH", path).status();
    assert!(status.unwrap().success());
    fs::read_to_string(log).unwrap().replace(state.to_str().unwrap(), "STATE")
}

#[test]
fn the_package_makes_a_group_and_a_folder_that_it_shares_and_leaves_a_folder_that_is_there_alone() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("var/lib/batchpost");
    let mode = || fs::metadata(&state).unwrap().mode() & 0o7777;
    let done = configure(root.path(), false);
    assert_eq!(done, "getent group batchpost\ngroupadd --system batchpost\nchgrp batchpost STATE\n");
    assert_eq!(mode(), 0o2770);
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(configure(root.path(), true), "getent group batchpost\n");
    assert_eq!(mode(), 0o700);
}
