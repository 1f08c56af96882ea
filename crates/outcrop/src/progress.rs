//! Progress bars: on a terminal only, on standard error, gone when the work is done.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that finishes sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar for `total` steps of something, such as "records".
pub fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed} (eta {eta})")
        .expect("the template is well-formed");
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(what.to_owned());
    bar
}

/// A sign of life for something that cannot be counted. It appears after half a second.
pub fn spinner(what: &str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target());
    spinner.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("the template is well-formed"));
    spinner.set_message(what.to_owned());
    spinner.enable_steady_tick(PATIENCE);
    spinner
}

/// indicatif draws nothing where no person looks: pipes, files, `TERM=dumb`.
fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(8)
}
