//! Names the commit in `batchpost --version`: `0.1.0 (abcdef123456 2026-11-27)`, or plain `0.1.0` where the sources are
//! no git checkout, or there is no git to ask.
//!
//! git itself is asked: it knows work trees, packed references and whatever comes after them. Changes that are not
//! committed do not show: to see them, every build would have to look.

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
    // Without any such line every change to any file would run this again.
    println!("cargo::rerun-if-changed=build.rs");
}

/// The workspace's folder, if it is a checkout. Sources that were unpacked within another project's are not its commit.
fn checkout(root: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let top = PathBuf::from(git(&root, &["rev-parse", "--show-toplevel"])?);
    (top.canonicalize().ok()? == root).then_some(root)
}

/// Has this run again when HEAD is another commit: when it was moved to another branch, or its branch to another commit.
fn watch(checkout: &Path) {
    let path = |name: &str| Some(checkout.join(git(checkout, &["rev-parse", "--git-path", name])?));
    let branch = git(checkout, &["symbolic-ref", "--quiet", "HEAD"]);
    // A branch that is packed has no file until its next commit, and cargo takes a file that is missing for one that
    // has changed: the folder is watched in which it will appear.
    let branch = branch.and_then(|name| Some(path(&name)?.ancestors().find(|path| path.exists())?.to_owned()));
    let others = ["HEAD", "packed-refs", "reftable"].into_iter().filter_map(path).filter(|path| path.exists());
    for path in others.chain(branch) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // Set where a hook of another repository builds this.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    let output = command.arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
