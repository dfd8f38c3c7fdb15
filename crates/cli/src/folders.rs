//! This user's folders for settings and state.

use std::env;
use std::path::PathBuf;

use etcetera::base_strategy::{BaseStrategy, choose_base_strategy};

/// `$XDG_CONFIG_HOME/batchpost`, else `~/.config/batchpost`; on Windows `%APPDATA%\batchpost`.
pub(crate) fn config() -> Option<PathBuf> {
    folder("XDG_CONFIG_HOME", |base| base.config_dir())
}

/// `$XDG_STATE_HOME/batchpost`, else `~/.local/state/batchpost`; on Windows `%LOCALAPPDATA%\batchpost`.
pub(crate) fn state() -> Option<PathBuf> {
    // Windows has no state folder; programs use the folder for caches.
    folder("XDG_STATE_HOME", |base| base.state_dir().unwrap_or_else(|| base.cache_dir()))
}

/// Returns `None` if neither `variable` nor HOME is an absolute path.
///
/// Without HOME, `etcetera` takes the home folder from the user database. A run under a timer would then
/// silently keep an account's limit in another folder than the user's other runs, whose HOME may differ.
fn folder(variable: &str, usual: impl FnOnce(&dyn BaseStrategy) -> PathBuf) -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_base = || {
        let has_home = cfg!(windows) || absolute("HOME").is_some();
        choose_base_strategy().ok().filter(|_| has_home).map(|base| usual(&base))
    };
    absolute(variable).or_else(of_base).map(|folder| folder.join("batchpost"))
}
