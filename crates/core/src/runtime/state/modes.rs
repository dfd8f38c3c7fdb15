//! Who may do what with a state folder.

use super::*;

fn refused(path: &Path, why: Refusal) -> StateError {
    StateError::Refused { path: path.to_owned(), why }
}

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const SET_GROUP_ID: u32 = 0o2000;

/// Whose a state folder is, by its owner and mode.
///
/// That a shared one has the set-group-id bit is also why its owner is trusted: the system gives that bit only to who is
/// a member of the group, or root.
pub(super) fn scope(path: &Path, facts: Facts) -> Result<Scope, StateError> {
    let Facts { owner, group, mode } = facts;
    if mode & OTHERS_WRITE != 0 {
        return Err(refused(path, Refusal::Everybodys { mode }));
    }
    if mode & GROUP_WRITES == 0 {
        let own = own_user();
        if owner == own {
            return Ok(Scope::Personal);
        }
        return Err(refused(path, Refusal::AnotherUsers { owner, own }));
    }
    if mode & SET_GROUP_ID == 0 {
        return Err(refused(path, Refusal::NotSetUp { group, mode }));
    }
    Ok(Scope::Shared { group })
}

/// Checks a folder in a state folder of this scope. One of our own that the group cannot use yet, as in a folder that
/// became a shared one later, is opened to it.
pub(super) fn check_inner(dir: &Dir, path: &Path, scope: Scope) -> Result<(), StateError> {
    let facts = || dir.facts().map_err(failed(path, "opened"));
    let Facts { owner, group: its_group, mode } = facts()?;
    let own = own_user();
    match scope {
        Scope::Personal if owner != own => Err(refused(path, Refusal::AnotherUsers { owner, own })),
        Scope::Personal if mode & (GROUP_WRITES | OTHERS_WRITE) != 0 => Err(refused(path, Refusal::Others { mode })),
        Scope::Personal => Ok(()),
        Scope::Shared { group } => {
            if owner == own && its_group == group && mode != 0o2770 {
                set_dir_mode(dir, scope).map_err(failed(path, "opened"))?;
            }
            let Facts { mode, .. } = facts()?;
            if its_group == group && mode & (SET_GROUP_ID | 0o070 | OTHERS_WRITE) == SET_GROUP_ID | 0o070 {
                return Ok(());
            }
            Err(refused(path, Refusal::NotShared { group, its_group, mode }))
        }
    }
}

pub(super) fn set_dir_mode(dir: &Dir, scope: Scope) -> io::Result<()> {
    dir.set_mode(if scope == Scope::Personal { 0o700 } else { 0o2770 })
}

pub(super) fn set_file_mode(file: &File, scope: Scope) -> io::Result<()> {
    system::set_mode(file, if scope == Scope::Personal { 0o600 } else { 0o660 })
}

/// Opens a file of our own to the group of a folder that became a shared one later. Not one that has `names` elsewhere: a
/// member of the group could have given it the one here.
pub(super) fn share_own_file(file: &File, names: u64, facts: Facts, scope: Scope) -> io::Result<()> {
    let Scope::Shared { group } = scope else { return Ok(()) };
    let is_own = names == 1 && facts.owner == own_user() && facts.group == group;
    if is_own && facts.mode & 0o060 != 0o060 { set_file_mode(file, scope) } else { Ok(()) }
}
