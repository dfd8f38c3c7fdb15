//! Atomic writes of files, and checks of what they may replace.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;
use batchpost::batch::is_ledger;
use batchpost::runtime::sync_directory_of;
use tempfile::NamedTempFile;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The owner only (0600): the file names customers' tickets.
    Owner,
    /// As the umask allows: the user decides.
    Usual,
    /// Everyone (0644), whatever the umask: a program of another user reads the file.
    All,
}

/// Writes or replaces the file at `path` atomically: readers see the old file or the new one. If `path` is a
/// link whose target exists, the target is replaced. A file with [`Readers::Usual`] keeps its mode.
pub(crate) fn write_whole(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let before = file_at(path)?;
    let path = if before.is_some() { &path.canonicalize()? } else { path };
    let mut file = begin(folder_of(path), readers)?;
    // On Windows, permissions are only a read-only flag.
    if let (Some(before), Readers::Usual, true) = (before, readers, cfg!(unix)) {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.write_all(content)?;
    // Without this sync, a power loss could leave an empty file.
    file.as_file().sync_data()?;
    file.persist(path)?;
    // No directory sync for files that are written again anyway: metrics every ten seconds, the manual on
    // request.
    if readers == Readers::All { Ok(()) } else { sync_directory_of(path) }
}

/// Writes a new file at `path` with `fill`, atomically. It never replaces a file, not even one created in the
/// meantime.
pub(crate) fn write_new<T>(
    path: &Path,
    readers: Readers,
    fill: impl FnOnce(&mut BufWriter<NamedTempFile>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    write(path, readers, fill, |file| file.persist_noclobber(path).map(drop))
}

/// Like [`write_new`], but replaces an existing file; for a link, its target.
pub(crate) fn write_over<T>(
    path: &Path,
    readers: Readers,
    fill: impl FnOnce(&mut BufWriter<NamedTempFile>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let whole = file_at(path).and_then(|there| if there.is_some() { path.canonicalize() } else { Ok(path.to_owned()) });
    let path = &whole.with_context(|| format!("{} cannot be written", path.display()))?;
    write(path, readers, fill, |file| file.persist(path).map(drop))
}

fn write<T>(
    path: &Path,
    readers: Readers,
    fill: impl FnOnce(&mut BufWriter<NamedTempFile>) -> anyhow::Result<T>,
    persist: impl FnOnce(NamedTempFile) -> Result<(), tempfile::PersistError>,
) -> anyhow::Result<T> {
    let written = || format!("{} cannot be written", path.display());
    let mut file = BufWriter::new(begin(folder_of(path), readers).with_context(written)?);
    let filled = fill(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(written)?;
    file.as_file().sync_data().with_context(written)?;
    persist(file).with_context(written)?;
    sync_directory_of(path).with_context(written)?;
    Ok(filled)
}

/// Returns the metadata of the file at `path`, if it exists. Anything but a regular file is an error.
fn file_at(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::metadata(path).ok() {
        Some(there) if !there.is_file() => Err(io::Error::other("it is not a regular file; use another name")),
        there => Ok(there),
    }
}

/// Creates the temporary file in the target's own folder, because renames are atomic only within one file
/// system.
#[cfg(unix)]
fn begin(folder: &Path, readers: Readers) -> io::Result<NamedTempFile> {
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode;
    match readers {
        Readers::Owner => NamedTempFile::new_in(folder),
        Readers::Usual => tempfile::Builder::new().permissions(mode(0o666)).tempfile_in(folder),
        Readers::All => {
            let file = NamedTempFile::new_in(folder)?;
            file.as_file().set_permissions(mode(0o644))?;
            Ok(file)
        }
    }
}

#[cfg(not(unix))]
fn begin(folder: &Path, _: Readers) -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What a write would replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    /// No file, or an empty one.
    Nothing,
    /// An earlier file of the same kind.
    Ours,
    /// A ledger, which is never replaced.
    Ledger,
    /// Any other file.
    Other,
}

/// Returns what is at `path`. A file of the same kind begins with `opening`.
///
/// # Errors
///
/// If the file exists and cannot be read.
pub(crate) fn there(path: &Path, opening: &str) -> io::Result<There> {
    // If the path is inaccessible, the write that follows fails with the reason.
    if !fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() > 0) {
        return Ok(There::Nothing);
    }
    let mut start = Vec::new();
    File::open(path)?.take(opening.len() as u64).read_to_end(&mut start)?;
    Ok(match start == opening.as_bytes() {
        true => There::Ours,
        // A damaged ledger may not be recognised.
        false if is_ledger(path).unwrap_or(false) => There::Ledger,
        false => There::Other,
    })
}

/// Whether two paths refer to one file, which may not exist yet.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let to_be = |path: &Path| Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?));
    let whole = |path: &Path| path.canonicalize().ok().or_else(|| to_be(path));
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_new_file_is_there_when_it_is_whole_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let failed = write_new(&path, Readers::Owner, |file| {
            file.write_all(b"half")?;
            anyhow::bail!("the ledger is damaged")
        });
        let failed: anyhow::Result<()> = failed;
        assert_eq!(
            (failed.unwrap_err().to_string().as_str(), names(folder.path()).len()),
            ("the ledger is damaged", 0)
        );

        write_new(&path, Readers::Owner, |file| Ok(file.write_all(b"whole")?)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        // The file was created in the meantime.
        let other = folder.path().join("b.csv");
        let late = write_new(&other, Readers::Owner, |file| {
            fs::copy(&path, &other)?;
            Ok(file.write_all(b"late")?)
        });
        assert!(late.unwrap_err().to_string().contains("b.csv cannot be written"));
        assert_eq!((fs::read(&other).unwrap(), names(folder.path()).len()), (b"whole".to_vec(), 2));
    }

    #[test]
    fn what_is_there_is_told_by_how_it_begins() {
        let folder = tempfile::tempdir().unwrap();
        let of = |content: &str| {
            let path = folder.path().join("x");
            File::create(&path).and_then(|mut file| file.write_all(content.as_bytes())).unwrap();
            there(&path, "# ours").unwrap()
        };
        assert_eq!(
            [of(""), of("# ours\n1"), of("# our"), of("a,b\n")],
            [There::Nothing, There::Ours, There::Other, There::Other]
        );
        assert_eq!(of(r#"{"n":1,"ledger":{"#), There::Ledger);
        assert_eq!(there(&folder.path().join("missing/x"), "# ours").unwrap(), There::Nothing);
        assert_eq!(there(folder.path(), "# ours").unwrap(), There::Nothing, "writing tells that it is a folder");
    }

    #[test]
    fn a_place_has_more_than_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("a"), folder.path().join(".").join("a"));
        assert!(is_same(&one, &other) && !is_same(&one, &folder.path().join("b")));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_replaced_and_the_link_stays() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.toml"), folder.path().join("link"));
        File::create(&file).unwrap();
        symlink("a.toml", &link).unwrap();
        assert!(is_same(&file, &link));
        for (readers, before, after) in
            [(Readers::Usual, 0o640, 0o640), (Readers::All, 0o600, 0o644), (Readers::Owner, 0o644, 0o600)]
        {
            fs::set_permissions(&file, fs::Permissions::from_mode(before)).unwrap();
            write_whole(&link, format!("{readers:?}").as_bytes(), readers).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("a.toml"));
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{readers:?}"));
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, after, "{readers:?}");
        }
    }
}
