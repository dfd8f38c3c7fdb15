//! Adds the commit to `batchpost --version`: `0.1.0 (abcdef123456 2026-11-27)`, or plain `0.1.0` if the
//! sources are not a git checkout or git is missing.
//!
//! The build runs git, which handles work trees, packed references and later formats. Uncommitted changes are
//! not shown: every build would have to check for them.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let version = env!("CARGO_PKG_VERSION");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let commit = checkout(&root).and_then(|checkout| {
        watch(&checkout);
        git(&checkout, &["log", "-1", "--abbrev=12", "--format=%h %cs"])
    });
    let version = commit.map_or(version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=BATCHPOST_VERSION={version}");
    // Without any such line, every change to any file would run this again.
    println!("cargo::rerun-if-changed=build.rs");
}

/// The workspace's folder, if it is a checkout. Sources unpacked inside another project's checkout do not
/// count.
fn checkout(root: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let top = PathBuf::from(git(&root, &["rev-parse", "--show-toplevel"])?);
    (top.canonicalize().ok()? == root).then_some(root)
}

/// Runs this again when HEAD changes: if another branch is checked out, or the branch moves to another
/// commit.
fn watch(checkout: &Path) {
    let path = |name: &str| Some(checkout.join(git(checkout, &["rev-parse", "--git-path", name])?));
    let branch = git(checkout, &["symbolic-ref", "--quiet", "HEAD"]);
    // A packed branch has no file until its next commit, and cargo treats a missing file as changed. So the
    // folder in which the file will appear is watched.
    let branch = branch.and_then(|name| Some(path(&name)?.ancestors().find(|path| path.exists())?.to_owned()));
    let others = ["HEAD", "packed-refs", "reftable"].into_iter().filter_map(path).filter(|path| path.exists());
    for path in others.chain(branch) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // These are set if a hook of another repository runs the build.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    let output = command.arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
