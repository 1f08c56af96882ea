//! `docs/cli.md` is what people see: every command in it is run, in order, in one emulated account, and prints what stands
//! under it. `OUTCROP_UPDATE_DOCS=1 cargo nextest run -p outcrop cli` writes the page anew.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::profiles::Aws;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md")
}

#[test]
fn every_session_of_the_page_is_true() {
    let written = std::fs::read_to_string(page()).unwrap();
    let aws = Aws::start();
    let folder = tempfile::TempDir::new().unwrap();
    let actual = replayed(&written, folder.path(), &aws);
    if std::env::var_os("OUTCROP_UPDATE_DOCS").is_some() {
        std::fs::write(page(), &actual).unwrap();
        return;
    }
    for (number, (written, actual)) in written.lines().zip(actual.lines()).enumerate() {
        assert_eq!(actual, written, "docs/cli.md:{}", number + 1);
    }
    assert_eq!(actual.lines().count(), written.lines().count());
}

#[test]
fn every_command_has_its_session() {
    let written = std::fs::read_to_string(page()).unwrap();
    let help = crate::outcrop::Outcrop::new(&["--help"]).run().succeeded();
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in listed.filter_map(|line| line.split_whitespace().next()) {
        assert!(
            written.contains(&format!("$ outcrop {command}")),
            "docs/cli.md does not show `outcrop {command}`"
        );
    }
}

/// The page with each session's output as it is now; the rest of it as it stands.
fn replayed(written: &str, folder: &Path, aws: &Aws) -> String {
    let mut actual = String::new();
    let mut lines = written.lines().peekable();
    let mut servers = Servers::default();
    while let Some(line) = lines.next() {
        actual.push_str(line);
        actual.push('\n');
        if let Some(name) = line.strip_prefix("```yaml ") {
            let mut text = String::new();
            for line in lines.by_ref().take_while(|line| *line != "```") {
                text.push_str(line);
                text.push('\n');
            }
            std::fs::write(folder.join(name), &text).unwrap();
            actual.push_str(&text);
            actual.push_str("```\n");
        }
        if line == "```console server" {
            let session: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            actual.push_str(&servers.start(&session, folder));
            actual.push_str("```\n");
        }
        if line != "```console" {
            continue;
        }
        for line in lines.by_ref().take_while(|line| *line != "```") {
            if let Some(command) = line.strip_prefix("$ ") {
                actual.push_str(&format!(
                    "$ {command}\n{}",
                    servers.masked(&run(command, folder, aws, &servers))
                ));
            }
        }
        actual.push_str("```\n");
    }
    actual
}

/// What a person sees, standard output and standard error together, and `(exit N)` after a failure. What differs from run to
/// run is made the same.
fn run(line: &str, folder: &Path, aws: &Aws, servers: &Servers) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_outcrop")).parent().unwrap().display();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{{ {line}\n}} 2>&1")]).current_dir(folder).env_clear();
    command
        .env("PATH", format!("{binaries}:/usr/bin:/bin"))
        .env("HOME", folder)
        .env("AWS_REGION", "us-east-1");
    command.envs(aws.variables()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(servers.gateway().map(|url| ("OUTCROP_URL", url)));
    let output = command.output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text = text.replace(&aws.url, "http://127.0.0.1:4142").replace(&folder.display().to_string(), "~");
    let mut steady: String = text.lines().map(|line| format!("{}\n", steady(line.trim_end()))).collect();
    if !output.status.success() {
        steady.push_str(&format!("(exit {})\n", output.status.code().unwrap_or(-1)));
    }
    steady
}

/// The servers of the page: each is started by its session, is there for those after it, and ends with the page.
#[derive(Default)]
struct Servers {
    running: Vec<Child>,
    /// Address of the test → address on the page.
    addresses: Vec<(String, String)>,
}

impl Servers {
    /// Starts the server of a session on a free port; what it says, as far as it is written there.
    fn start(&mut self, session: &[&str], folder: &Path) -> String {
        let (command, written) = session.split_first().unwrap();
        let arguments = command.strip_prefix("$ outcrop ").unwrap().split(' ');
        let mut server = Command::new(env!("CARGO_BIN_EXE_outcrop"));
        server.args(arguments).args(["--listen", "127.0.0.1:0"]).current_dir(folder).env_clear();
        server.env("HOME", folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = server.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        self.running.push(child);
        let said = until(written.last().unwrap(), output);
        let pairs = addresses(&said).into_iter().zip(addresses(&written.join("\n")));
        self.addresses.extend(pairs);
        let said: String = said.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        format!("{command}\n{}", self.masked(&said).replace(&folder.display().to_string(), "~"))
    }

    /// Where the page's gateway is.
    fn gateway(&self) -> Option<&str> {
        self.addresses.first().map(|(of_test, _)| of_test.as_str())
    }

    fn masked(&self, text: &str) -> String {
        let masked = |text: String, (of_test, of_page): &(String, String)| text.replace(of_test, of_page);
        self.addresses.iter().fold(text.to_owned(), masked)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for server in &mut self.running {
            _ = server.kill();
            _ = server.wait();
        }
    }
}

/// What a server says up to a line; one that never says it is heard out for half a minute.
fn until(last: &str, output: impl BufRead + Send + 'static) -> String {
    let (say, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
    let mut said = String::new();
    while let Ok(line) = heard.recv_timeout(Duration::from_secs(30)) {
        said.push_str(&format!("{line}\n"));
        if line.trim_end() == last {
            break;
        }
    }
    said
}

/// Every `http://127.0.0.1:PORT` of a text, once, in the order in which they come.
fn addresses(text: &str) -> Vec<String> {
    const HOST: &str = "http://127.0.0.1:";
    let mut found = Vec::new();
    for (at, _) in text.match_indices(HOST) {
        let port: String = text[at + HOST.len()..].chars().take_while(char::is_ascii_digit).collect();
        let address = format!("{HOST}{port}");
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// Days, times of day and durations.
fn steady(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let is_time = word.len() >= 20 && word.as_bytes().get(10) == Some(&b'T') && word.starts_with("20");
        match word {
            _ if is_time => "2026-11-21T12:00:00Z",
            _ if is_day(word) => "2026-11-21",
            word => word,
        }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.split_once(" answered in ") {
        Some((before, after)) => {
            let rest = after.split_once(" ms").map_or("", |(_, rest)| rest);
            format!("{before} answered in 12 ms{rest}")
        }
        None => line,
    }
}

/// `2026-11-21`.
fn is_day(word: &str) -> bool {
    let shape =
        |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    word.len() == 10 && word.bytes().enumerate().all(shape)
}
