//! `docs/from-the-seeds.md` is true: every command in it runs, in order, in one emulated account.

use std::path::Path;
use std::process::Command;

use crate::profiles::Aws;

const PAGE: &str = include_str!("../../../../docs/from-the-seeds.md");

#[test]
fn every_command_of_the_page_runs() {
    let aws = Aws::start();
    let folder = tempfile::TempDir::new().unwrap();
    let (_, yaml) = PAGE.split_once("```yaml\n").unwrap();
    std::fs::write(folder.path().join("profiles.yaml"), yaml.split("```").next().unwrap()).unwrap();
    let commands: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("    outcrop ")).collect();
    assert!(commands.len() >= 15, "the page's form has changed");
    for command in commands {
        let output = shell(&format!("outcrop {command}"), folder.path(), &aws);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}\n{stderr}");
        assert!(
            !output.stdout.is_empty() || command.contains("delete"),
            "{command} prints nothing\n{stderr}"
        );
    }
    let expected = [
        "LibreChat-Claude-Opus-4-5",
        "LibreChat-Claude-Sonnet-4-5",
        "LibreChat-us-amazon-nova-pro-v1-0",
        "LibreChat-us-anthropic-claude-sonnet-4-5-20250929-v1-0",
    ];
    let mut names = aws.names("us-east-1");
    names.sort();
    assert_eq!(names, expected);
}

fn shell(line: &str, folder: &Path, aws: &Aws) -> std::process::Output {
    let binaries = Path::new(env!("CARGO_BIN_EXE_outcrop")).parent().unwrap().display();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).current_dir(folder).env_clear();
    command.env("PATH", format!("{binaries}:/usr/bin:/bin")).env("HOME", folder);
    command.envs(aws.variables()).env("AWS_ENDPOINT_URL", &aws.url).output().unwrap()
}
