//! Sources of access keys: files that only their owner may read, and commands that print a key. Keys are taken
//! literally, except for a line break at the end.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::platform::open_to_others;

/// No key is longer. The bound ends the reading of an endless device.
const LONGEST_BYTES: u64 = 64 << 10;

/// Why a key could not be obtained. Names the key and its source, and nothing that was read from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The file cannot be read.
    #[error("cannot read the {what} from {}: {source}", path.display())]
    File {
        /// The key.
        what: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Users other than the owner may read or change the file.
    #[error("other users can read the {what} in {0} (mode {mode:03o}); run `chmod 600 {0}`", path.display())]
    OpenToOthers {
        /// The key.
        what: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The mode of the file.
        mode: u32,
    },
    /// The content is too long for a key, or is not text.
    #[error("the {what} from {from} is longer than 64 KiB or not text")]
    NoKey {
        /// The key.
        what: &'static str,
        /// The file or the command.
        from: String,
    },
    /// The command cannot be started.
    #[error("cannot run the command {program} for the {what}: {source}")]
    Command {
        /// The key.
        what: &'static str,
        /// The first word of the command.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// The command failed.
    #[error("the command {program} for the {what} failed ({status}); run it in a shell to see why")]
    Failed {
        /// The key.
        what: &'static str,
        /// The first word of the command.
        program: String,
        /// Its exit status.
        status: ExitStatus,
    },
    /// The command printed nothing.
    #[error("the command {program} for the {what} printed nothing; run it in a shell to see why")]
    Silent {
        /// The key.
        what: &'static str,
        /// The first word of the command.
        program: String,
    },
    /// The command did not end in time.
    #[error("the command {program} for the {what} did not end within {}; run it in a shell to see why", humantime::format_duration(*after))]
    Slow {
        /// The key.
        what: &'static str,
        /// The first word of the command.
        program: String,
        /// The time limit.
        after: Duration,
    },
}

/// Reads a key from a file. A file that others than its owner may read is rejected, unless it is in the folder
/// `credentials`, which the service manager created for this process, or on a file system that is mounted read-only.
///
/// # Errors
///
/// If the file cannot be read as a short text, or is open to others.
pub fn key_from_file(
    what: &'static str,
    path: &Path,
    credentials: Option<&Path>,
) -> Result<SecretString, KeySourceError> {
    let failed = |source| KeySourceError::File { what, path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let is_given = || {
        let folder = credentials.and_then(|folder| folder.canonicalize().ok());
        folder.is_some_and(|folder| path.canonicalize().is_ok_and(|path| path.starts_with(folder)))
    };
    if let Some(mode) = open_to_others(&file).map_err(failed)?
        && !is_given()
    {
        return Err(KeySourceError::OpenToOthers { what, path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    key(what, bytes, || path.display().to_string())
}

/// Returns the key in `bytes` without the line break at the end.
fn key(what: &'static str, bytes: Vec<u8>, from: impl Fn() -> String) -> Result<SecretString, KeySourceError> {
    let is_short = bytes.len() as u64 <= LONGEST_BYTES;
    let text = String::from_utf8(bytes).ok().filter(|_| is_short);
    let text = text.ok_or_else(|| KeySourceError::NoKey { what, from: from() })?;
    let key = text.strip_suffix('\n').map_or(text.as_str(), |key| key.strip_suffix('\r').unwrap_or(key));
    Ok(SecretString::from(key))
}

/// A command as written by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// One line for the system's shell.
    Shell(String),
    /// A program and its arguments, without a shell.
    Words(Vec<String>),
}

/// A command that prints a key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyCommand {
    line: CommandLine,
    /// The folder it runs in.
    folder: PathBuf,
}

impl fmt::Debug for KeyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCommand").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl KeyCommand {
    /// The command `line`, run in `folder`.
    pub fn new(line: CommandLine, folder: &Path) -> Self {
        Self { line, folder: folder.to_owned() }
    }

    /// The first word of the command. The other words may be secret, and so may an assignment before the command.
    pub fn name(&self) -> &str {
        let first = match &self.line {
            CommandLine::Shell(line) => line.split_whitespace().next(),
            CommandLine::Words(words) => words.first().map(String::as_str),
        };
        first.filter(|word| !word.contains('=')).unwrap_or("(hidden)")
    }

    fn command(&self) -> Command {
        let mut command = match &self.line {
            CommandLine::Shell(line) => shell(line),
            CommandLine::Words(words) => {
                let (program, arguments) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
                let path = Path::new(program);
                // Systems differ in the folder that a relative path refers to. A bare name is looked up.
                let in_folder = path.is_relative() && path.components().count() > 1;
                let mut command = if in_folder { Command::new(self.folder.join(path)) } else { Command::new(program) };
                command.args(arguments);
                command
            }
        };
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        // Standard input may contain the rows of a run. Standard error is for people.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }
}

#[cfg(unix)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line);
    command
}

#[cfg(windows)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").raw_arg(line);
    command
}

/// Runs `command` and returns the key that it prints, within the time `limit`. Dropping the future ends the command.
///
/// # Errors
///
/// If the command cannot be started, fails, prints nothing or no short text, or does not end in time.
///
/// # Panics
///
/// Outside a tokio runtime, or in a runtime without I/O or time.
pub async fn key_from_command(
    what: &'static str,
    command: &KeyCommand,
    limit: Duration,
) -> Result<SecretString, KeySourceError> {
    let program = || command.name().to_owned();
    let failed = |source| KeySourceError::Command { what, program: program(), source };
    let Ok(ended) = tokio::time::timeout(limit, carried_out(command)).await else {
        return Err(KeySourceError::Slow { what, program: program(), after: limit });
    };
    match ended.map_err(failed)? {
        Some((bytes, status)) if status.success() && bytes.iter().all(|byte| b"\r\n".contains(byte)) => {
            Err(KeySourceError::Silent { what, program: program() })
        }
        Some((bytes, status)) if status.success() => key(what, bytes, || format!("the command {}", program())),
        Some((_, status)) => Err(KeySourceError::Failed { what, program: program(), status }),
        None => Err(KeySourceError::NoKey { what, from: format!("the command {}", program()) }),
    }
}

/// Returns the output and exit status of the command; `None` if the output is too long. Dropping the future ends the
/// command.
async fn carried_out(command: &KeyCommand) -> io::Result<Option<(Vec<u8>, ExitStatus)>> {
    let mut child = command.command().spawn()?;
    let mut bytes = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(LONGEST_BYTES + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > LONGEST_BYTES {
        return Ok(None);
    }
    Ok(Some((bytes, child.wait().await?)))
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn of_words(words: &[&str]) -> KeyCommand {
        KeyCommand::new(CommandLine::Words(words.iter().copied().map(str::to_owned).collect()), Path::new("/"))
    }

    async fn of_line(line: &str) -> Result<String, String> {
        let command = KeyCommand::new(CommandLine::Shell(line.to_owned()), Path::new(""));
        let key = key_from_command("access key", &command, LONG).await;
        key.map(|key| key.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_command_gives_what_it_prints_but_for_the_last_line_break() {
        assert_eq!(of_line(r"printf '%s\n' 'u$r{AK}'").await.unwrap(), "u$r{AK}");
        assert_eq!(of_line(r"printf 'a\r\n'").await.unwrap(), "a");
        assert_eq!(of_line(r"printf 'a\n\n'").await.unwrap(), "a\n");
        let command = of_words(&["printf", "%s", "$HOME b"]);
        assert_eq!(key_from_command("access key", &command, LONG).await.unwrap().expose_secret(), "$HOME b");
    }

    #[tokio::test]
    async fn a_command_that_gives_no_key_is_named_by_its_first_word_alone() {
        for (line, wanted) in [
            (
                "printf hunter2; exit 3",
                "the command printf for the access key failed (exit status: 3); run it in a shell to see why",
            ),
            ("true hunter2", "the command true for the access key printed nothing; run it in a shell to see why"),
            ("printf '\\n'", "the command printf for the access key printed nothing; run it in a shell to see why"),
            (
                "K=hunter2 false",
                "the command (hidden) for the access key failed (exit status: 1); run it in a shell to see why",
            ),
            ("yes hunter2", "the access key from the command yes is longer than 64 KiB or not text"),
            ("printf '\\377'", "the access key from the command printf is longer than 64 KiB or not text"),
        ] {
            assert_eq!(of_line(line).await.unwrap_err(), wanted, "{line}");
        }
        let missing = of_words(&["./not there", "hunter2"]);
        let error = key_from_command("access key", &missing, LONG).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot run the command ./not there for the access key"), "{error}");
    }

    #[tokio::test]
    async fn a_command_is_not_waited_for_for_ever() {
        let command = of_words(&["sleep", "1000"]);
        let error = key_from_command("access key", &command, Duration::from_millis(1)).await.unwrap_err();
        assert!(matches!(error, KeySourceError::Slow { .. }), "{error}");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"hunter2\r\n").unwrap();
        for (mode, is_fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o602, false)] {
            file.set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
            match key_from_file("access key", &path, None) {
                Ok(key) => assert!(is_fine && key.expose_secret() == "hunter2", "{mode:o}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!is_fine && error.contains("chmod 600 /") && !error.contains("hunter2"), "{error}");
                }
            }
            // Files from the service manager have their own mode.
            assert!(key_from_file("access key", &path, Some(folder.path())).is_ok(), "{mode:o}");
            assert_eq!(key_from_file("access key", &path, Some(&folder.path().join("other"))).is_ok(), is_fine);
        }
    }

    #[test]
    fn what_is_no_key_is_not_read_to_its_end() {
        let error = key_from_file("access key", Path::new("/dev/zero"), None).unwrap_err();
        assert!(matches!(error, KeySourceError::NoKey { .. }), "{error}");
    }
}
