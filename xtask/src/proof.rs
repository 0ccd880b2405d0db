//! `cargo xtask proof`: the brief's own table and checklist with figures measured just now, in the
//! user's language. The browser's half is `e2e/tests/proof.spec.ts`, the server's is `zas bench`.
//!
//! To add a row: what measures it there, and its [`Row`] in [`rows`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;

use crate::args::{Args, unknown};
use crate::process::{capture, command};
use crate::run::{build_server, captured};
use crate::steps::{Board, Finished, Note, Outcome, Step};
use crate::{debian, web};

const SERVER: &str = "the server";
const PACKAGES: &str = "packages of the web client";
const CLIENT: &str = "the web client";
const BROWSER: &str = "what people see, in Chromium";
const BENCH: &str = "what the server does, beside a bare loop";

/// In which words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    Spanish,
}

/// A text in both, English first.
type Text = [&'static str; 2];

impl Language {
    const fn of(self, text: Text) -> &'static str {
        match self {
            Self::English => text[0],
            Self::Spanish => text[1],
        }
    }

    /// What the environment asks for (POSIX, "Internationalization Variables").
    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        match ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set) {
            Some(locale) if locale.starts_with("es") => Self::Spanish,
            _ => Self::English,
        }
    }
}

pub(crate) fn main(args: Args) -> Result<ExitCode, String> {
    let language = parse(args)?;
    let began = Instant::now();
    let board = Board::new(5);
    let building = vec![
        vec![Step::gate(SERVER, |note: &Note<'_>| captured(capture(&mut build_server(), note)))],
        vec![
            Step::gate(PACKAGES, |note| match web::missing() {
                Some(why) => Outcome::Skipped(why),
                None => captured(web::install(note)),
            }),
            Step::gate(CLIENT, |note| captured(web::build(note))),
        ],
    ];
    let mut steps = board.run(building);
    let built =
        |name| steps.iter().any(|step| step.name == name && matches!(step.outcome, Outcome::Passed(_)));
    if !built(SERVER) {
        return Err(failures(&steps));
    }
    let client = built(CLIENT);
    let folder = crate::root().join("target/proof");
    fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let (bench, pages) = (folder.join("bench.json"), crate::root().join("e2e/output/measures.json"));
    // A run that was broken off leaves its lines behind.
    for old in [&bench, &pages, &pages.with_extension("jsonl")] {
        let _ = fs::remove_file(old);
    }
    let measuring = vec![vec![
        Step::check(BROWSER, |note: &Note<'_>| browser(client, note)),
        Step::check(BENCH, |note| {
            let mut run = command(&crate::built("quick", "zas").to_string_lossy());
            captured(capture(run.args(["bench", "--quick", "--json"]).arg(&bench).current_dir(&folder), note))
        }),
    ]];
    steps.extend(board.run(measuring));

    let figures = Figures::read(&pages, &bench);
    let rows = rows(&figures);
    let failed = failures(&steps);
    if !failed.is_empty() {
        println!("\n{failed}");
    }
    println!("\n{}", table(&rows, language));
    println!("{}", closing(&figures, began.elapsed().as_secs(), language));
    let all = rows.iter().all(|row| row.kept() == Some(true));
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(mut args: Args) -> Result<Language, String> {
    let mut language = Language::of_environment(|name| std::env::var(name).ok());
    while let Some(word) = args.next() {
        match word.as_str() {
            "--lang" => {
                language = match args.value("--lang")?.as_str() {
                    "en" => Language::English,
                    "es" => Language::Spanish,
                    other => return Err(format!("--lang {other}: there are en and es")),
                }
            }
            other => return Err(unknown("proof", other)),
        }
    }
    Ok(language)
}

fn browser(client: bool, note: &Note<'_>) -> Outcome {
    let chromium = match debian::chromium() {
        _ if !client => return Outcome::Skipped("the web client is not built".into()),
        None => return Outcome::Skipped("Chromium is not here; Debian's package \"chromium\" has it".into()),
        Some(chromium) => chromium,
    };
    let mut run = web::tool("playwright", "e2e");
    run.arg("test").env("ZAS_MEASURE", "proof").env("ZAS_CHROMIUM", chromium);
    captured(capture(&mut run, note))
}

/// What went wrong on the way, and what was left out.
fn failures(steps: &[Finished]) -> String {
    let mut said = String::new();
    for Finished { name, outcome } in steps {
        let _ = match outcome {
            Outcome::Passed(_) => Ok(()),
            Outcome::Failed(_, text) => writeln!(said, "{name}:\n{text}"),
            Outcome::Skipped(why) => writeln!(said, "{name}: {why}"),
        };
    }
    said
}

/// What was measured, by name.
#[derive(Debug, Default)]
struct Figures {
    pages: BTreeMap<String, Value>,
    bench: BTreeMap<String, Value>,
    audit: Value,
}

impl Figures {
    /// What is not there was not measured.
    fn read(pages: &Path, bench: &Path) -> Self {
        let json =
            |path: &Path| fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok());
        Self::new(&json(pages).unwrap_or_default(), &json(bench).unwrap_or_default())
    }

    fn new(pages: &Value, bench: &Value) -> Self {
        let by = |rows: &Value, name: &str| {
            let rows = rows.as_array().cloned().unwrap_or_default();
            rows.into_iter().filter_map(|row| Some((row[name].as_str()?.to_owned(), row))).collect()
        };
        Self { pages: by(pages, "what"), bench: by(&bench["figures"], "name"), audit: bench["audit"].clone() }
    }

    fn page(&self, what: &str, figure: &str) -> Option<f64> {
        self.pages.get(what)?[figure].as_f64()
    }

    fn bench(&self, name: &str, figure: &str) -> Option<f64> {
        self.bench.get(name)?[figure].as_f64()
    }
}

/// A row of the brief.
struct Row {
    what: Text,
    was: Text,
    asked: Text,
    /// What was measured, in words, and whether it is what was asked.
    measured: Option<(String, bool)>,
}

impl Row {
    fn kept(&self) -> Option<bool> {
        self.measured.as_ref().map(|&(_, kept)| kept)
    }
}

const NOTHING: Text = ["", ""];

/// A duration's row: the median counts, the slowest of a hundred is said beside it.
fn time(figures: &Figures, name: &str, what: Text, was: Text, asked: Text, most: f64) -> Row {
    let middle = figures.page(name, "p50");
    let measured = middle.map(|middle| {
        let worst = figures.page(name, "p99").unwrap_or(middle);
        (format!("{middle:.0} ms (p99 {worst:.0})"), middle < most)
    });
    Row { what, was, asked, measured }
}

fn rows(figures: &Figures) -> Vec<Row> {
    let time = |name, what, was, asked, most| time(figures, name, what, was, asked, most);
    let slow = |name, what| {
        let worst = figures.page(name, "p99").zip(figures.page(name, "longest"));
        let measured = worst.map(|(worst, task)| {
            let middle = figures.page(name, "p50").unwrap_or(worst);
            (format!("{middle:.0} ms (p99 {worst:.0}, task {task:.0})"), middle < 200.0)
        });
        Row { what, was: ["freezes", "se congela"], asked: ["fluid", "fluido"], measured }
    };
    let requests = figures.page("requests", "socket").zip(figures.page("requests", "poll"));
    let idle = figures.bench("idle_cpu", "value").zip(figures.page("idle_page", "ms"));
    let sounds = ["own", "echo", "muted", "burst"].map(|which| figures.page("sounds", which));
    let back = figures.page("reconnection", "ms").zip(figures.page("reconnection", "messages"));
    let audited = figures.audit["delivered"].as_u64().zip(figures.audit["violations"].as_u64());
    vec![
        time(
            "send",
            ["Sending a message", "Enviar un mensaje"],
            ["100–200 ms", "100–200 ms"],
            ["< 50 ms", "< 50 ms"],
            50.0,
        ),
        time(
            "other_device",
            ["Receiving, one's other device", "Recibir, mismo usuario"],
            ["500–1000 ms", "500–1000 ms"],
            ["< 50 ms", "< 50 ms"],
            50.0,
        ),
        time(
            "other_socket",
            ["Receiving, by WebSocket", "Recibir, por WebSocket"],
            ["500–2000 ms", "500–2000 ms"],
            ["< 100 ms", "< 100 ms"],
            100.0,
        ),
        time(
            "other_stream",
            ["Receiving, WebSockets refused", "Recibir, sin WebSocket"],
            ["500–2000 ms", "500–2000 ms"],
            ["< 200 ms", "< 200 ms"],
            200.0,
        ),
        time(
            "other_poll",
            ["Receiving, by polling", "Recibir, por polling"],
            ["500–2000 ms", "500–2000 ms"],
            ["≤ 2 s", "≤ 2 s"],
            2_000.0,
        ),
        Row {
            what: ["HTTP requests a minute, idle", "Peticiones HTTP por minuto"],
            was: ["~120", "~120"],
            asked: ["< 30", "< 30"],
            measured: requests
                .map(|(socket, poll)| (format!("{socket:.0} (polling {poll:.0})"), socket.max(poll) < 30.0)),
        },
        Row {
            what: ["CPU, idle: server | page", "CPU en reposo: servidor | página"],
            was: ["high", "alta"],
            asked: ["low", "baja"],
            measured: idle.map(|(server, page)| {
                (format!("{server:.1} µs/s | {page:.1} ms/s"), server < 1_000.0 && page < 10.0)
            }),
        },
        time(
            "typing",
            ["“typing…”", "“escribiendo…”"],
            ["500–1000 ms", "500–1000 ms"],
            ["< 200 ms", "< 200 ms"],
            200.0,
        ),
        slow("phone", ["Phone, CPU 6× slower", "Móvil, CPU 6× más lenta"]),
        slow("tablet", ["Tablet, CPU 6× slower", "Tableta, CPU 6× más lenta"]),
        Row {
            what: ["Sounds: own, burst | echo, muted", "Sonidos: propio, ráfaga | eco, silencio"],
            was: NOTHING,
            asked: ["1, 1 | 0, 0", "1, 1 | 0, 0"],
            measured: match sounds {
                [Some(own), Some(echo), Some(muted), Some(burst)] => Some((
                    format!("{own:.0}, {burst:.0} | {echo:.0}, {muted:.0}"),
                    [own, burst, echo, muted] == [1.0, 1.0, 0.0, 0.0],
                )),
                _ => None,
            },
        },
        Row {
            what: ["Written while the server was killed", "Escritos con el servidor muerto"],
            was: NOTHING,
            asked: ["5, in order", "5, en orden"],
            measured: back.map(|(ms, messages)| {
                let kept = messages == 5.0 && figures.page("reconnection", "in_order") == Some(1.0);
                (format!("{messages:.0}, {:.1} s", ms.max(0.0) / 1_000.0), kept)
            }),
        },
        Row {
            what: ["Lost, doubled or out of order", "Perdidos, duplicados, desordenados"],
            was: NOTHING,
            asked: ["0", "0"],
            measured: audited.map(|(of, lost)| (format!("{lost} / {of}"), lost == 0 && of > 0)),
        },
    ]
}

fn table(rows: &[Row], language: Language) -> String {
    let head: [Text; 4] = [["what", "qué"], ["was", "antes"], ["asked", "se pidió"], ["measured", "medido"]];
    let mut lines = vec![head.map(|text| language.of(text).to_owned()).to_vec()];
    for row in rows {
        let (measured, mark) = match &row.measured {
            None => (language.of(["not measured", "sin medir"]).to_owned(), "–"),
            Some((measured, kept)) => (measured.clone(), if *kept { "✓" } else { "✗" }),
        };
        lines.push(vec![
            language.of(row.what).to_owned(),
            language.of(row.was).to_owned(),
            language.of(row.asked).to_owned(),
            format!("{mark} {measured}"),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

/// What else was measured, on what, and how long it took.
fn closing(figures: &Figures, seconds: u64, language: Language) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = String::new();
    if let (Some(rate), Some(ratio), Some(kib)) = (
        figures.bench("messages_a_second", "value"),
        figures.bench("messages_a_second", "ratio"),
        figures.bench("idle_kib", "value"),
    ) {
        let _ = match language {
            Language::English => writeln!(
                text,
                "{rate:.0} durable messages a second, {ratio:.2} of a bare loop's; {kib:.1} KiB an idle connection."
            ),
            Language::Spanish => writeln!(
                text,
                "{rate:.0} mensajes duraderos por segundo, {ratio:.2} de lo que hace un bucle sin chat; \
                 {kib:.1} KiB por conexión en reposo."
            ),
        };
    }
    let _ = match language {
        Language::English => write!(
            text,
            "Medians, on {cores} shared processors that ran the server and every browser, in {seconds} s. \
             More: target/quick/zas bench, npm run measure -w e2e."
        ),
        Language::Spanish => write!(
            text,
            "Medianas, en {cores} procesadores que compartían el servidor y todos los navegadores, en {seconds} s. \
             Más: target/quick/zas bench, npm run measure -w e2e."
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_kept_when_its_median_is_what_was_asked_and_open_when_nothing_was_measured() {
        let pages = json!([{ "what": "send", "p50": 27.0, "p99": 61.0 }, { "what": "typing", "p50": 240.0 }]);
        let bench = json!({ "figures": [], "audit": { "delivered": 10, "violations": 1 } });
        let rows = rows(&Figures::new(&pages, &bench));
        let kept = |what: &str| rows.iter().find(|row| row.what[0] == what).unwrap().kept();
        assert_eq!(kept("Sending a message"), Some(true));
        assert_eq!(kept("“typing…”"), Some(false));
        assert_eq!(kept("Receiving, by polling"), None);
        assert_eq!(kept("Lost, doubled or out of order"), Some(false));
        let text = table(&rows, Language::Spanish);
        assert!(text.contains("✓ 27 ms (p99 61)") && text.contains("– sin medir"), "{text}");
    }

    #[test]
    fn the_language_is_the_first_that_the_environment_names() {
        let of = |set: &'static [(&str, &str)]| {
            Language::of_environment(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("LANG", "es_ES.UTF-8")]), Language::Spanish);
        assert_eq!(of(&[("LC_ALL", "en_GB"), ("LANG", "es_ES.UTF-8")]), Language::English);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "es")]), Language::Spanish);
        assert_eq!(of(&[]), Language::English);
    }
}
