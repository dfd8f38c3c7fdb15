//! Findings about the folders of ledgers and budgets.

use std::path::Path;

use super::{Check, Finding, Setting};

/// The kind of a file system, by the system's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSystem {
    /// A local disk, as far as its name shows.
    Disk,
    /// Its files are lost when the machine restarts.
    Memory,
    /// Its files are lost with the container.
    Container,
    /// On another machine, or provided by a program.
    Network,
}

/// Returns the kind of file system for the system's name of it.
pub fn file_system(name: &str) -> FileSystem {
    match name {
        "tmpfs" | "ramfs" | "devtmpfs" | "rootfs" => FileSystem::Memory,
        "overlay" | "aufs" => FileSystem::Container,
        "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "smb2" | "9p" | "ceph" | "glusterfs" | "lustre" | "gfs2"
        | "ocfs2" | "afs" | "beegfs" | "gpfs" | "davfs" | "vboxsf" | "virtiofs" | "prl_fs" | "vmhgfs" => {
            FileSystem::Network
        }
        // NTFS on Linux has this name, and it is on a disk.
        "fuseblk" => FileSystem::Disk,
        name if name.starts_with("fuse") => FileSystem::Network,
        _ => FileSystem::Disk,
    }
}

/// Returns the name of the sync program that `path` is in a folder of, if any.
fn synced_by(path: &Path) -> Option<&'static str> {
    path.components().find_map(|component| {
        let name = component.as_os_str().to_str()?.to_lowercase();
        let is = |known: &str| {
            name == known || name.starts_with(&format!("{known} ")) || name.starts_with(&format!("{known}-"))
        };
        match () {
            () if is("dropbox") => Some("Dropbox"),
            () if is("onedrive") => Some("OneDrive"),
            () if is("google drive") || is("googledrive") || name == "my drive" => Some("Google Drive"),
            () if is("icloud drive")
                || is("iclouddrive")
                || name == "com~apple~clouddocs"
                || name == "mobile documents" =>
            {
                Some("iCloud Drive")
            }
            () if is("nextcloud") => Some("Nextcloud"),
            () => None,
        }
    })
}

/// The probed properties of a folder for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed<'a> {
    /// The absolute path.
    pub path: &'a Path,
    /// The system's name for its file system, if known.
    pub file_system: Option<String>,
    /// Free bytes for this user, if known.
    pub free_bytes: Option<u64>,
    /// Whether a lock excludes other lockers.
    pub locks: bool,
}

/// Approximate size of a row in a ledger: its intent, its outcome, and its share of the marks.
const LEDGER_BYTES_A_ROW: u64 = 500;

/// Below this, a batch of ordinary size may fill the disk.
const LITTLE_BYTES: u64 = 100 << 20;

/// Below this, a run cannot start.
const NOTHING_BYTES: u64 = 1 << 20;

/// Reports problems of a folder in which files were created, synced, renamed and removed.
pub fn folder(check: Check, probed: &Probed<'_>) -> Vec<Finding> {
    let Probed { path, file_system: name, free_bytes, locks } = probed;
    let path_in_words = path.display();
    let about = [name.clone(), free_bytes.map(|free| format!("{} free", in_words(free)))];
    let about = about.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let about = if about.is_empty() { about } else { format!(" ({about})") };
    let mut findings = vec![if *locks {
        Finding::ok(check, format!("{path_in_words}{about}: files can be created, synced, renamed and locked"))
    } else {
        let advice = "use a local disk; without locks, two runs can write to one ledger at once";
        Finding::problem(check, format!("{path_in_words}{about}: locks have no effect there"), advice)
    }];
    let warning = |found: String, advice: &str| Finding::warning(check, found, advice);
    match name.as_deref().map(file_system) {
        Some(FileSystem::Memory) => {
            let (advice, setting) = match check {
                Check::StateFolder => {
                    ("use a folder on a disk; otherwise a daily limit is forgotten at a restart", Setting::StateFolder)
                }
                _ => ("keep the ledger on a disk; if it is lost, posted rows are posted again", Setting::Ledger),
            };
            let found = format!("{path_in_words} is in memory and is lost when the machine restarts");
            findings.push(warning(found, advice).about(setting));
        }
        Some(FileSystem::Container) => findings.push(warning(
            format!("{path_in_words} is inside the container and is lost when the container is removed"),
            "use a volume if the container is temporary",
        )),
        Some(FileSystem::Network) => findings.push(warning(
            format!("{path_in_words} is on a network file system"),
            "use it from one machine only; other machines may not see its locks, and its syncs may not reach a disk",
        )),
        Some(FileSystem::Disk) | None => {}
    }
    if let Some(program) = synced_by(path) {
        findings.push(warning(
            format!("{path_in_words} is synchronised between machines by {program}"),
            "use another folder, or run from one machine only; such a program may restore an older copy",
        ));
    }
    if let Some(free) = *free_bytes {
        let rows = free / LEDGER_BYTES_A_ROW;
        if free < NOTHING_BYTES {
            let advice = "free space; a run stops when the ledger cannot be written";
            findings.push(Finding::problem(check, format!("{path_in_words} is full"), advice));
        } else if free < LITTLE_BYTES && check == Check::LedgerFolder {
            let found = format!("{path_in_words} has room for about {rows} rows");
            findings.push(Finding::warning(
                check,
                found,
                "free space if the batch has more; a ledger takes about 500 bytes a row",
            ));
        }
    }
    findings
}

fn in_words(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TB", 40), ("GB", 30), ("MB", 20), ("kB", 10)];
    for (unit, shift) in UNITS {
        if bytes >> shift > 0 {
            let tenths = (u128::from(bytes) * 10) >> shift;
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level::{self, Ok, Problem, Warning};

    fn levels(path: &str, name: &str, free_bytes: u64, locks: bool) -> Vec<Level> {
        let probed =
            Probed { path: Path::new(path), file_system: Some(name.to_owned()), free_bytes: Some(free_bytes), locks };
        folder(Check::LedgerFolder, &probed).into_iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn a_disk_with_room_is_well() {
        assert_eq!(levels("/srv/batchpost", "ext4", 1 << 40, true), [Ok]);
        assert_eq!(levels("/home/me/onedrives/drop", "xfs", 1 << 40, true), [Ok]);
    }

    #[test]
    fn memory_containers_networks_and_synced_folders_are_warned_of() {
        for name in ["tmpfs", "ramfs", "overlay", "nfs4", "cifs", "fuse.sshfs", "fuse.rclone", "9p"] {
            assert_eq!(levels("/data", name, 1 << 40, true), [Ok, Warning], "{name}");
        }
        for path in [
            "/home/me/Dropbox/notes",
            "/Users/me/Library/Mobile Documents/com~apple~CloudDocs/x",
            "/home/me/OneDrive - Example Ltd/x",
            "/Users/me/Library/CloudStorage/GoogleDrive-me@example.com/My Drive",
        ] {
            assert_eq!(levels(path, "ext4", 1 << 40, true), [Ok, Warning], "{path}");
        }
    }

    #[test]
    fn locks_without_effect_and_a_full_disk_are_problems() {
        assert_eq!(levels("/data", "ext4", 1 << 40, false), [Problem]);
        assert_eq!(levels("/data", "ext4", 4096, true), [Ok, Problem]);
        assert_eq!(levels("/data", "ext4", 50 << 20, true), [Ok, Warning]);
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let words = [5, 1 << 10, (1 << 20) + (1 << 19), 3 << 40].map(in_words);
        assert_eq!(words, ["5 bytes", "1.0 kB", "1.5 MB", "3.0 TB"]);
    }
}
