//! The examples under each command's `--help`, in one place, so that a test can read them all as a person would type them.

use clap::{Command, CommandFactory};

use super::Args;

/// The whole command line, examples included.
pub fn command() -> Command {
    with_examples(Args::command(), &mut Vec::new())
}

fn with_examples(mut command: Command, path: &mut Vec<String>) -> Command {
    if let Some(lines) = examples(&path.join(" "))
        && command.get_after_help().is_none()
    {
        let lines: Vec<String> = lines.iter().map(|line| format!("  outcrop {line}")).collect();
        command = command.after_help(format!("Examples:\n{}", lines.join("\n")));
    }
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(&name, |subcommand| {
            path.push(name.clone());
            let subcommand = with_examples(subcommand, path);
            path.pop();
            subcommand
        });
    }
    command
}

/// The examples of a command, without the program's name.
fn examples(path: &str) -> Option<&'static [&'static str]> {
    EXAMPLES.iter().find(|(command, _)| *command == path).map(|(_, lines)| *lines)
}

const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "serve --local",
            "doctor",
            "explain us.anthropic.claude-sonnet-4-6",
            "profiles create team-a --from us.anthropic.claude-sonnet-4-6 --tag team=a",
        ],
    ),
    (
        "serve",
        &[
            "serve --local",
            "serve --config librechat.yaml --env-file .env",
            "serve --listen 127.0.0.1:8080 --region eu-central-1",
        ],
    ),
    (
        "emulate",
        &["emulate", "emulate --listen 127.0.0.1:0 --data-dir ./aws", "emulate --replay recorded.jsonl"],
    ),
    (
        "chat",
        &[
            "chat \"What is an inference profile?\"",
            "chat -m us.anthropic.claude-sonnet-4-6 --effort high \"Prove it\"",
            "chat --system \"Answer in French\" < question.txt",
        ],
    ),
    (
        "explain",
        &[
            "explain us.anthropic.claude-sonnet-4-6",
            "explain arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123 --json",
            "explain anthropic.claude-opus-4-6-v1 --region eu-west-1 --offline",
        ],
    ),
    (
        "models list",
        &["models list --filter claude", "models list --region eu-central-1 --all", "models list --json"],
    ),
    (
        "models show",
        &["models show us.amazon.nova-2-lite-v1:0", "models show us.amazon.nova-2-lite-v1:0 --json"],
    ),
    ("models regions", &["models regions anthropic.claude-sonnet-4-6"]),
    ("models access", &["models access anthropic.claude-sonnet-4-6"]),
    ("models compare", &["models compare us.anthropic.claude-sonnet-4-6 us.amazon.nova-2-lite-v1:0"]),
    (
        "models snapshot",
        &["models snapshot -o models.json", "models snapshot --region us-east-1 --region eu-west-1"],
    ),
    (
        "models custom list",
        &["models custom list", "models custom list --kind deployment --kind provisioned --json"],
    ),
    (
        "profiles list",
        &[
            "profiles list --type application",
            "profiles list --type system --filter claude --region eu-west-1",
        ],
    ),
    ("profiles get", &["profiles get team-a", "profiles get team-a --json"]),
    (
        "profiles create",
        &[
            "profiles create team-a --from us.anthropic.claude-sonnet-4-6 --tag team=a",
            "profiles create team-a --from us.anthropic.claude-sonnet-4-6 --dry-run",
            "profiles create try-it --from us.amazon.nova-2-lite-v1:0 --local",
        ],
    ),
    ("profiles tag", &["profiles tag team-a env=prod owner=search"]),
    ("profiles untag", &["profiles untag team-a env owner"]),
    ("profiles delete", &["profiles delete team-a", "profiles delete team-a --yes"]),
    ("profiles env", &["profiles env --filter LibreChat", "profiles env > .env"]),
    ("profiles plan", &["profiles plan -f profiles.yaml", "profiles plan -f profiles.yaml --prune --json"]),
    ("profiles apply", &["profiles apply -f profiles.yaml", "profiles apply -f profiles.yaml --yes --prune"]),
    (
        "profiles bootstrap",
        &["profiles bootstrap --prefix LibreChat us.anthropic.claude-sonnet-4-6 us.amazon.nova-2-lite-v1:0"],
    ),
    (
        "profiles import",
        &["profiles import -f profiles.yaml", "profiles import --region us-east-1 --region eu-west-1"],
    ),
    (
        "profiles export",
        &[
            "profiles export --format terraform > profiles.tf",
            "profiles export --format cloudformation --region us-east-1",
        ],
    ),
    (
        "batch submit",
        &[
            "batch submit questions.jsonl -m us.amazon.nova-2-lite-v1:0 --bucket s3://my-bucket/batches --role arn:aws:iam::123456789012:role/BedrockBatch",
            "batch submit questions.jsonl --bucket s3://my-bucket --role arn:aws:iam::123456789012:role/BedrockBatch --dry-run",
        ],
    ),
    ("batch list", &["batch list", "batch list --region us-west-2 --json"]),
    ("batch watch", &["batch watch questions-1a2b3c4d", "batch watch questions-1a2b3c4d --interval 60"]),
    ("batch collect", &["batch collect questions-1a2b3c4d -o answers.jsonl"]),
    ("batch stop", &["batch stop questions-1a2b3c4d --yes"]),
    ("doctor", &["doctor", "doctor team-a", "doctor --json --region eu-central-1", "doctor --local"]),
    ("doctor credentials", &["doctor credentials"]),
    (
        "iam policy",
        &[
            "iam policy --explain",
            "iam policy us.anthropic.claude-sonnet-4-6 --account 123456789012",
            "iam policy --key search --logging --discovery",
        ],
    ),
    (
        "logging setup",
        &["logging setup", "logging setup --yes", "logging setup --format terraform --print-only"],
    ),
    ("logging status", &["logging status", "logging status --json"]),
    ("logging tail", &["logging tail --follow", "logging tail --since 5m --profile team-a"]),
    ("logging disable", &["logging disable --yes"]),
    ("verify", &["verify team-a", "verify team-a --json"]),
    ("metrics", &["metrics", "metrics --json"]),
    (
        "bench",
        &[
            "bench us.amazon.nova-2-lite-v1:0 --requests 10",
            "bench us.amazon.nova-2-lite-v1:0 us.anthropic.claude-sonnet-4-6 --chart bench.svg",
        ],
    ),
    ("usage", &["usage --by profile --since 7d", "usage --by tag --json", "usage --local"]),
    ("keys create", &["keys create --name search", "keys create --name search --profile team-a"]),
    ("keys list", &["keys list", "keys list --json"]),
    ("keys revoke", &["keys revoke search"]),
    ("config check", &["config check", "config check --config librechat.yaml --env-file .env"]),
    ("config show", &["config show", "config show --json"]),
    ("config schema", &["config schema > outcrop.schema.json"]),
    (
        "completions",
        &[
            "completions bash > ~/.local/share/bash-completion/completions/outcrop",
            "completions zsh > ~/.zfunc/_outcrop",
        ],
    ),
    ("help", &["help profiles", "help errors --lang pt"]),
    ("man", &["man | man -l -", "man profiles apply | man -l -", "man --dir ~/.local/share/man/man1"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        let mut subcommands = command.get_subcommands().peekable();
        let is_leaf = subcommands.peek().is_none() || command.get_positionals().next().is_some();
        if is_leaf {
            found.push((path.to_owned(), command.clone()));
        }
        for subcommand in subcommands {
            leaves(subcommand, &format!("{path} {}", subcommand.get_name()), found);
        }
    }

    #[test]
    fn every_command_has_examples() {
        let mut found = Vec::new();
        leaves(&command(), "outcrop", &mut found);
        for (path, command) in &found {
            assert!(command.get_after_help().is_some(), "{path} has no examples");
        }
        assert!(found.len() > 25);
    }

    #[test]
    fn every_example_can_be_typed() {
        for (path, lines) in EXAMPLES {
            for line in *lines {
                let typed = line.split(['>', '<', '|']).next().unwrap_or(line).trim();
                // A quoted argument is one word.
                let words: Vec<String> = typed
                    .split('"')
                    .enumerate()
                    .flat_map(|(index, part)| match index % 2 {
                        0 => part.split_whitespace().map(str::to_owned).collect(),
                        _ => vec![part.to_owned()],
                    })
                    .collect();
                let is_there = path
                    .split(' ')
                    .filter(|name| !name.is_empty())
                    .try_fold(command(), |command, name| command.find_subcommand(name).cloned());
                if is_there.is_some() {
                    let parsed =
                        command().try_get_matches_from(["outcrop".to_owned()].into_iter().chain(words));
                    assert!(
                        parsed.is_ok(),
                        "{line}: {}",
                        parsed.err().map(|it| it.to_string()).unwrap_or_default()
                    );
                }
            }
        }
    }
}
