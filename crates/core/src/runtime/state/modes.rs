//! Checks the owners and modes of state folders.

use super::*;

fn refused(path: &Path, why: Refusal) -> StateError {
    StateError::Refused { path: path.to_owned(), why }
}

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const SET_GROUP_ID: u32 = 0o2000;

/// Returns the scope of a state folder by its owner and mode.
///
/// The set-group-id bit of a shared folder is also the reason to trust its owner: the system lets only
/// members of the group and root set it.
pub(super) fn scope(path: &Path, facts: Facts) -> Result<Scope, StateError> {
    let Facts { owner, group, mode } = facts;
    if mode & OTHERS_WRITE != 0 {
        return Err(refused(path, Refusal::WorldWritable { mode }));
    }
    if mode & GROUP_WRITES == 0 {
        let own = own_user();
        if owner == own {
            return Ok(Scope::Personal);
        }
        return Err(refused(path, Refusal::OtherOwner { owner, own }));
    }
    if mode & SET_GROUP_ID == 0 {
        return Err(refused(path, Refusal::NotSetUp { group, mode }));
    }
    Ok(Scope::Shared { group })
}

/// Checks a folder in a state folder of this scope. If it belongs to this user and the group has no access
/// yet, because the state folder became shared later, the group gets access.
pub(super) fn check_inner(dir: &Dir, path: &Path, scope: Scope) -> Result<(), StateError> {
    let facts = || dir.facts().map_err(failed(path, "opened"));
    let Facts { owner, group: its_group, mode } = facts()?;
    let own = own_user();
    match scope {
        Scope::Personal if owner != own => Err(refused(path, Refusal::OtherOwner { owner, own })),
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

/// Gives the group access to a file of this user, for a folder that became shared later. Does not do so for a
/// file with several hard links (`names`): a group member could have linked another file of this user here.
pub(super) fn share_own_file(file: &File, names: u64, facts: Facts, scope: Scope) -> io::Result<()> {
    let Scope::Shared { group } = scope else { return Ok(()) };
    let is_own = names == 1 && facts.owner == own_user() && facts.group == group;
    if is_own && facts.mode & 0o060 != 0o060 { set_file_mode(file, scope) } else { Ok(()) }
}
