//! Platform-specific operations: positioned reads, file modes, durable directory entries, the clock that all processes
//! share, and whether the process survives its terminal.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::OnceLock;
use std::time::Duration;

#[cfg(unix)]
pub(crate) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
pub(crate) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Whether a folder is on a network file system, as far as that can be determined.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_on_network(folder: &Path) -> bool {
    // NFS, SMB, CIFS, SMB2, AFS, Ceph and FUSE (most likely sshfs), by their magic numbers.
    const REMOTE: [u64; 7] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x5346_414f, 0x00c3_6400, 0x6573_5546];
    rustix::fs::statfs(folder).is_ok_and(|fs| u64::try_from(fs.f_type).is_ok_and(|kind| REMOTE.contains(&kind)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_on_network(_: &Path) -> bool {
    false
}

/// What identifies a file: its device and inode number.
#[cfg(unix)]
pub(crate) fn file_identity(metadata: &std::fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(crate) fn file_identity(_: &std::fs::Metadata) -> Option<(u64, u64)> {
    None
}

/// Files are created for their owner only (0600): a ledger contains customers' tickets.
pub(crate) fn for_owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Does not follow symbolic links when opening. Otherwise users who can write to the folder could have any file of this
/// user overwritten.
///
/// On Windows, links are followed.
pub(crate) fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Whether `path` still refers to the open file.
#[cfg(unix)]
pub(crate) fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    match std::fs::symlink_metadata(path) {
        Ok(named) => file.metadata().map(|open| (open.dev(), open.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether `path` still refers to the open file. On this platform, an open file keeps its name.
#[cfg(not(unix))]
pub(crate) fn is_named(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Returns the mode of a file that others than its owner may read or change, if its owner can change that.
///
/// Returns `None` on a read-only file system, on which container platforms mount secrets: everyone in the
/// container can read them, and nobody can change their mode. Also returns `None` for a pipe or device.
/// Windows has no modes.
#[cfg(unix)]
pub(crate) fn open_to_others(file: &File) -> io::Result<Option<u32>> {
    let metadata = file.metadata()?;
    let mode = std::os::unix::fs::MetadataExt::mode(&metadata) & 0o777;
    if !metadata.is_file() || mode & 0o077 == 0 {
        return Ok(None);
    }
    let read_only = rustix::fs::fstatvfs(file)?.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    Ok((!read_only).then_some(mode))
}

#[cfg(not(unix))]
pub(crate) fn open_to_others(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Returns why another user may have written a file; `None` if it belongs to this user or root and not
/// everyone may write to it. Write access of its group is not checked. For files that determine where keys
/// are sent or which commands print them: anyone who can write such a file can obtain the keys.
///
/// On Windows, it always returns `None`.
///
/// # Errors
///
/// If the file's metadata cannot be read.
#[cfg(unix)]
pub fn changeable_by_others(file: &File) -> io::Result<Option<&'static str>> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    if ![0, rustix::process::geteuid().as_raw()].contains(&metadata.uid()) {
        return Ok(Some("it belongs to another user"));
    }
    Ok((metadata.mode() & 0o002 != 0).then_some("everybody may change it"))
}

/// Returns why a file may have been written by another user. Unknown on this platform.
///
/// # Errors
///
/// None.
#[cfg(not(unix))]
pub fn changeable_by_others(_: &File) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// Creates a folder and its missing parents for their owner only (0700).
pub(crate) fn create_folders_for_owner_only(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Returns the id of the boot and the time since then, including suspension; `None` if the system does not provide
/// both.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn since_boot() -> Option<(String, Duration)> {
    // Read once: it does not change while a process lives.
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let boot = BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    });
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let at = Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    boot.clone().map(|boot| (boot, at))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn since_boot() -> Option<(String, Duration)> {
    None
}

/// Returns the name of the user of this process, or the number if the system's user table has no name.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn user() -> Option<String> {
    // The environment of a timer or container names no user, or another one.
    let id = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&id)).then(|| name.to_owned())
    });
    Some(name.unwrap_or(id))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn user() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok())
}

/// Returns the name of a group, or its number if the system's group table has no name.
pub(crate) fn group_name(id: u32) -> String {
    let id = id.to_string();
    let groups = if cfg!(unix) { std::fs::read_to_string("/etc/group").unwrap_or_default() } else { String::new() };
    let name = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&id)).then(|| name.to_owned())
    });
    name.unwrap_or(id)
}

/// The host name of this machine.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn host() -> Option<String> {
    Some(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn host() -> Option<String> {
    ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok())
}

/// Locks an open file until it is closed, against other processes that lock it in this way.
///
/// Not on Windows, where a lock would also keep readers out.
#[expect(clippy::disallowed_methods, reason = "before anything is begun, and no longer than a tenth of a second")]
pub(crate) fn lock_alone(file: &File) -> io::Result<()> {
    // A process that tests the lock has it for a moment.
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(5);
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if cfg!(unix) => std::thread::sleep(PAUSE),
            _ => break,
        }
    }
    if cfg!(unix) { file.try_lock().map_err(io::Error::from) } else { Ok(()) }
}

/// Waits for the lock of a file, without a time limit; a signal does not end the wait.
pub(crate) fn lock_through_signals(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether another process has locked the file at `path` with [`lock_alone`].
pub(crate) fn is_locked(path: &Path) -> bool {
    // Opening a pipe would wait for a writer.
    let is_file = cfg!(unix) && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file && File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Returns the name of the file system of `path`, which must be absolute and without links; `None` if the system does
/// not provide it.
pub(crate) fn file_system_of(path: &Path) -> Option<String> {
    let mounts =
        if cfg!(target_os = "linux") { std::fs::read_to_string("/proc/self/mountinfo").ok()? } else { return None };
    mounted_at(&mounts, path)
}

/// Returns the file system mounted at `path` or nearest above it, from the lines of Linux's `mountinfo`.
fn mounted_at(mounts: &str, path: &Path) -> Option<String> {
    mount_of(mounts, path).map(|mount| mount.kind.to_owned())
}

/// A line of Linux's `mountinfo`.
struct Mount<'a> {
    /// The kernel's device number of the file system.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has such lines"))]
    device: &'a str,
    kind: &'a str,
}

/// Returns the mount at `path` or nearest above it. Of several mounts in one place, the last covers the others.
fn mount_of<'a>(mounts: &'a str, path: &Path) -> Option<Mount<'a>> {
    let mounted = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(2);
        let (device, point) = (before.next()?, before.nth(1)?);
        // Blanks and similar characters are written in octal.
        let point = point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
        let depth = Path::new(&point).components().count();
        path.starts_with(&point).then_some((depth, Mount { device, kind: after.split(' ').next()? }))
    });
    mounted.max_by_key(|(depth, _)| *depth).map(|(_, mount)| mount)
}

/// Returns the number of bytes that this user may still write to the disk of `path`; `None` if the system does not
/// provide it.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return rustix::fs::statvfs(path).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _not_asked = path;
        None
    }
}

/// The process with an exclusive lock on a file.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux tells"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockHolder {
    /// The process with this id.
    Held(u32),
    /// Certainly no process.
    Free,
    /// Unknown: the system does not report all locks.
    Unknown,
}

/// Returns the process with an exclusive lock on the file, as far as the system reports it, without taking a lock.
#[cfg(target_os = "linux")]
pub(crate) fn lock_holder(file: &File) -> LockHolder {
    let looked = || {
        let found = look_for_lock(file)?;
        // The kernel returns the list one page at a time. If a lock is released in between, the next one is skipped.
        let found = if found == LockHolder::Free { look_for_lock(file)? } else { found };
        let sure = found != LockHolder::Free || all_locks_are_told(file)?;
        io::Result::Ok(if sure { found } else { LockHolder::Unknown })
    };
    looked().unwrap_or(LockHolder::Unknown)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lock_holder(_: &File) -> LockHolder {
    LockHolder::Unknown
}

#[cfg(target_os = "linux")]
fn look_for_lock(file: &File) -> io::Result<LockHolder> {
    use std::os::unix::fs::MetadataExt;

    let metadata = file.metadata()?;
    Ok(locked_by(&std::fs::read_to_string("/proc/locks")?, metadata.dev(), metadata.ino()))
}

/// Whether the kernel's list would contain any exclusive lock on the file.
#[cfg(target_os = "linux")]
fn all_locks_are_told(file: &File) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    // Locks of processes that are invisible to this one, as in another container, are not listed. The number is that of
    // the kernel's initial PID namespace, which sees all others.
    let sees_all = std::fs::read_link("/proc/self/ns/pid")? == Path::new("pid:[4026531836]");
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(sees_all && locks_are_of(&mounts, &path, file.metadata()?.dev()))
}

/// Whether the kernel lists every lock on the file at `path` under `device`, the device that the file reports. The
/// kernel lists locks under the file system's own device, as in `mountinfo`, and does not know those of other machines.
#[cfg(target_os = "linux")]
fn locks_are_of(mounts: &str, path: &Path, device: u64) -> bool {
    const OF_ONE_MACHINE: [&str; 13] =
        ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "nilfs2", "zfs", "tmpfs", "ramfs", "vfat", "exfat"];
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    mount_of(mounts, path).is_some_and(|mount| mount.device == device && OF_ONE_MACHINE.contains(&mount.kind))
}

/// Returns the process with an exclusive lock on a file, from the lines of Linux's `locks`. Also returns `Free` on
/// file systems, such as btrfs, where a file reports another device than the kernel's.
#[cfg(target_os = "linux")]
fn locked_by(locks: &str, device: u64, inode: u64) -> LockHolder {
    let place = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let found = locks.lines().filter_map(|line| {
        // `1: FLOCK  ADVISORY  WRITE 8146 fe:00:6430812 0 EOF`; a process that waits for the lock is listed with an
        // arrow.
        match *line.split_whitespace().collect::<Vec<_>>() {
            [_, kind, _, "WRITE", pid, on, ..] if on == place => Some((kind, pid)),
            _ => None,
        }
    });
    // Locks of another kind are held by an NFS server for other machines. A process without an id is
    // invisible here.
    let process = |(kind, pid): (&str, &str)| pid.parse().ok().filter(|pid| kind == "FLOCK" && *pid > 0);
    match found.map(process).max() {
        None => LockHolder::Free,
        Some(process) => process.map_or(LockHolder::Unknown, LockHolder::Held),
    }
}

/// Makes the entries of the directory of `path` durable. Otherwise a power failure could remove a name again.
///
/// Does nothing on Windows.
///
/// # Errors
///
/// If the directory cannot be opened for reading, or cannot be synced.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Windows has no directory handle to sync; NTFS journals its entries.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Whether this process must survive its terminal, as under nohup.
#[cfg(unix)]
pub(crate) fn ignores_hang_up() -> bool {
    use std::io::IsTerminal;

    let status = if cfg!(any(target_os = "linux", target_os = "android")) {
        std::fs::read_to_string("/proc/self/status").ok()
    } else {
        None
    };
    // Querying other systems needs unsafe code. Under nohup, neither stream is a terminal.
    let by_its_looks = || !io::stdout().is_terminal() && !io::stderr().is_terminal();
    status.as_deref().and_then(ignores_hang_ups).unwrap_or_else(by_its_looks)
}

/// Whether a process ignores SIGHUP, from its Linux `status`.
#[cfg(unix)]
fn ignores_hang_ups(status: &str) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    // The lowest bit is that of signal 1.
    u128::from_str_radix(mask.trim(), 16).ok().map(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_and_last_mount_is_the_one() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      30 22 0:25 / /srv rw master:1 - nfs4 host:/srv rw\n\
                      31 22 0:26 / /mnt/my\\040disk rw shared:2 - fuse.rclone remote: rw\n\
                      32 30 0:27 / /srv/fast rw - tmpfs tmpfs rw\n\
                      33 32 0:28 / /srv/fast rw - xfs /dev/vdb rw\n";
        let of = |path: &str| mounted_at(mounts, Path::new(path)).unwrap();
        assert_eq!((of("/home/me"), of("/srv/a/b")), ("ext4".to_owned(), "nfs4".to_owned()));
        assert_eq!((of("/srv/fast/x"), of("/srv/faster")), ("xfs".to_owned(), "nfs4".to_owned()));
        assert_eq!(of("/mnt/my disk/x"), "fuse.rclone");
        assert_eq!(mounted_at("", Path::new("/")), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_is_said_to_have_a_file_only_where_the_kernel_would_name_whoever_has_it() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      30 22 0:25 / /srv rw master:1 - nfs4 host:/srv rw\n\
                      31 22 0:26 /@home /home rw - btrfs /dev/vdb rw\n\
                      32 22 0:27 / /run rw - tmpfs tmpfs rw\n";
        let of = |path: &str, major, minor| locks_are_of(mounts, Path::new(path), rustix::fs::makedev(major, minor));
        assert!(of("/var/x.jsonl", 254, 0) && of("/run/x.jsonl", 0, 27));
        assert!(!of("/srv/x.jsonl", 0, 25), "another machine may have it");
        assert!(!of("/home/x.jsonl", 0, 40), "btrfs gives a file another device");
        assert!(!of("/var/x.jsonl", 254, 1) && !locks_are_of("", Path::new("/"), 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_has_a_file_locked_is_told_and_not_who_waits_or_only_reads() {
        use LockHolder::{Free, Held, Unknown};
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:01:77 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 12 fe:01:78 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 8146 fe:01:6430812 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 8150 fe:01:6430812 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 fe:01:79 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 13 103:00abc:5 0 EOF\n";
        let on = |inode| locked_by(locks, rustix::fs::makedev(0xfe, 1), inode);
        assert_eq!([78, 6_430_812, 643].map(on), [Free, Held(8146), Free]);
        assert_eq!([77, 79].map(on), [Unknown; 2], "another machine, and a process that is not in sight");
        assert_eq!(locked_by(locks, rustix::fs::makedev(0xfe, 2), 6_430_812), Free);
        let large = locks.replace("00abc", "abc");
        assert_eq!(locked_by(&large, rustix::fs::makedev(0x103, 0xabc), 5), Held(13));
        assert_eq!(locked_by("", 0, 0), Free);
    }

    #[cfg(unix)]
    #[test]
    fn an_ignored_hang_up_is_told_from_other_ignored_signals() {
        let of = |mask: &str| ignores_hang_ups(&format!("Name:\tx\nSigBlk:\t0001\nSigIgn:\t{mask}\nSigCgt:\t0001\n"));
        assert_eq!(of("0000000000000001"), Some(true));
        assert_eq!(of("0000000000001000"), Some(false));
        assert_eq!(of("ffffffffffffffff"), Some(true));
        assert_eq!((of("so"), ignores_hang_ups("Name:\tx\n")), (None, None));
    }
}
