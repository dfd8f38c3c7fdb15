//! Completion scripts and the manual.

use crate::support::Folder;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands_and_their_options() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.call(&["completions", shell]).with_code(0).stdout;
        for word in ["batchpost", "run", "settle", "metrics-file", "in-doubt"] {
            assert!(script.contains(word), "{word} is not in the script for {shell}");
        }
    }
    folder.call(&["completions", "tcsh"]).with_code(2).saying(&["bash", "zsh"]);
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = Folder::new();
    folder.call(&["man", "--dir", "share/man1"]).with_code(0).saying(&["share/man1"]);
    let page = folder.read("share/man1/batchpost-run.1");
    assert!(page.contains(r"\-\-metrics\-file") && page.contains(".SH \"EXAMPLES\""), "{page}");
    assert_eq!(folder.call(&["man"]).with_code(0).stdout, folder.read("share/man1/batchpost.1"));
    for command in folder.call(&["--help"]).with_code(0).stdout.lines().skip_while(|line| *line != "Commands:").skip(1)
    {
        let Some(name) = command.split_whitespace().next().filter(|name| *name != "help") else { break };
        if command.starts_with("   ") {
            continue;
        }
        assert!(folder.path(format!("share/man1/batchpost-{name}.1")).exists(), "{name} has no page");
    }
}
