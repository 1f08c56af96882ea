//! The result as a picture: bars of time to first token and of the whole answer, drawn by us as SVG or PNG.

use std::path::Path;

use super::Measured;
use crate::commands::picture::{Color, LETTER_WIDTH, Picture};
use crate::failure::Failure;

/// The two ways to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Scalable, with real letters.
    Svg,
    /// For where SVG is not taken.
    Png,
}

impl Format {
    /// By the file's ending.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "svg" => Ok(Self::Svg),
            "png" => Ok(Self::Png),
            _ => Err(Failure::Usage {
                message: format!("a chart cannot be drawn as {}", path.display()),
                hint: "name it FILE.svg or FILE.png".to_owned(),
            }),
        }
    }

    /// The file's bytes.
    pub fn draw(self, results: &[Measured]) -> Vec<u8> {
        match self {
            Self::Svg => svg(results).into_bytes(),
            Self::Png => png(results),
        }
    }
}

const WIDTH: usize = 960;
const MARGIN: usize = 24;
const ROW: usize = 64;
const BAR: usize = 14;
const TITLE: usize = 48;
const FIRST: &str = "#1d6fb8";
const WHOLE: &str = "#9cc4e4";

/// One row's bars, in pixels, with the numbers they stand for.
struct Row<'a> {
    title: String,
    bars: [(&'static str, &'a str, Option<f64>, usize); 2],
}

/// The longest bar is as wide as the picture lets it be.
fn rows(results: &[Measured]) -> Vec<Row<'_>> {
    let longest = results.iter().filter_map(|it| it.total_ms).map(|it| it.p50).fold(1.0, f64::max);
    /// Room for the number behind a bar.
    const NUMBER: usize = 120;
    let room = (WIDTH - 2 * MARGIN - NUMBER) as f64;
    let pixels =
        |value: Option<f64>| value.map_or(0, |value| (value / longest * room).round().max(1.0) as usize);
    results
        .iter()
        .map(|result| {
            let (first, whole) = (result.first_token_ms.map(|it| it.p50), result.total_ms.map(|it| it.p50));
            Row {
                title: format!(
                    "{}  {}  {}/{}",
                    result.identifier, result.region, result.answered, result.requests
                ),
                bars: [("first token", FIRST, first, pixels(first)), ("answer", WHOLE, whole, pixels(whole))],
            }
        })
        .collect()
}

fn number(name: &str, value: Option<f64>) -> String {
    value.map_or(format!("{name} -"), |value| format!("{name} {value:.0} ms"))
}

fn height(results: &[Measured]) -> usize {
    TITLE + results.len() * ROW + MARGIN
}

const HEADING: &str = "Median time to first token and to the end";

fn svg(results: &[Measured]) -> String {
    let height = height(results);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<title>{HEADING}</title>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#ffffff\"/>\n<text x=\"{MARGIN}\" y=\"30\" font-size=\"16\" font-weight=\"bold\">{HEADING}</text>\n"
    );
    for (at, row) in rows(results).iter().enumerate() {
        let top = TITLE + at * ROW;
        out.push_str(&format!("<text x=\"{MARGIN}\" y=\"{}\">{}</text>\n", top + 14, escaped(&row.title)));
        for (line, (name, color, value, pixels)) in row.bars.iter().enumerate() {
            let y = top + 20 + line * (BAR + 4);
            out.push_str(&format!(
                "<rect x=\"{MARGIN}\" y=\"{y}\" width=\"{pixels}\" height=\"{BAR}\" fill=\"{color}\"/>\n<text x=\"{}\" y=\"{}\" \
                 font-size=\"11\">{}</text>\n",
                MARGIN + pixels + 6,
                y + 11,
                number(name, *value),
            ));
        }
    }
    out.push_str("</svg>\n");
    out
}

fn png(results: &[Measured]) -> Vec<u8> {
    const BLACK: Color = [0x22, 0x22, 0x22];
    /// Dots of a letter, in pixels.
    const SCALE: usize = 2;
    let mut picture = Picture::new(WIDTH, height(results), [255, 255, 255]);
    picture.write(HEADING, MARGIN, 18, SCALE, BLACK);
    let most = (WIDTH - 2 * MARGIN) / ((LETTER_WIDTH + 1) * SCALE);
    for (at, row) in rows(results).iter().enumerate() {
        let top = TITLE + at * ROW;
        let title: String = row.title.chars().take(most).collect();
        picture.write(&title, MARGIN, top + 4, SCALE, BLACK);
        for (line, (name, color, value, pixels)) in row.bars.iter().enumerate() {
            let y = top + 20 + line * (BAR + 4);
            picture.fill(MARGIN, y, *pixels, BAR, rgb(color));
            picture.write(&number(name, *value), MARGIN + pixels + 6, y + 2, SCALE, BLACK);
        }
    }
    picture.png()
}

/// `#rrggbb`
fn rgb(color: &str) -> Color {
    let part =
        |at: usize| color.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
    [part(1), part(3), part(5)]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
