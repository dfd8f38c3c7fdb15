//! On other systems, access is inherited from the folder and is not checked.

use super::*;

pub(super) fn scope(_: &Path, _: Facts) -> Result<Scope, StateError> {
    Ok(Scope::Personal)
}

pub(super) fn check_inner(_: &Dir, _: &Path, _: Scope) -> Result<(), StateError> {
    Ok(())
}

pub(super) fn set_dir_mode(_: &Dir, _: Scope) -> io::Result<()> {
    Ok(())
}

pub(super) fn set_file_mode(_: &File, _: Scope) -> io::Result<()> {
    Ok(())
}

pub(super) fn share_own_file(_: &File, _: u64, _: Facts, _: Scope) -> io::Result<()> {
    Ok(())
}
