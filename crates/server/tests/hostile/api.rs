//! PyPI's `schemathesis` against `spec/openapi.json`: requests made from the document, alone and one after
//! another with what the one before gave; each answer is held against the document.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::Bystander;
use super::tools::Python;
use crate::support::process::{PASSWORD, Setup};

const LIMITS: &str = "commands_per_minute=1000000,commands_burst=1000000,reads_per_minute=1000000,\
                      sign_ins_per_minute=1000000,signals_per_minute=1000000,connections_per_user=1000,poll_ms=1";

/// Its command line, run as a module's.
const RUN: &str = "import sys; from schemathesis.cli import schemathesis; schemathesis(sys.argv[1:])";

/// What is not held against the answers: unknown fields are passed over on purpose, numbers are clamped,
/// and a document does not say all that a name or a colour must be.
const NOT_CHECKED: &str = "positive_data_acceptance,negative_data_rejection";

/// Operations that are left out: the socket is none of HTTP's, and who signs their own device out is
/// nobody for the rest of the run.
const LEFT_OUT: [&str; 4] = ["--exclude-path", "/v1/ws", "--exclude-path", "/v1/me/devices/{device}"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_openapi_document_allows_is_answered_as_it_says() {
    let Some(python) = Python::with("schemathesis") else { return };
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", LIMITS]);
    let server = setup.start().await;
    let register = async |username: &str| -> String {
        let email = format!("{username}@example.org");
        let form = json!({"username": username, "email": email, "password": PASSWORD});
        let request = reqwest::Client::new().post(format!("{}/v1/auth/register", server.url)).json(&form);
        let tokens: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        tokens["access"].as_str().unwrap().to_owned()
    };
    let (token, other) = (register("ana").await, register("luis").await);
    let mut bystander = Bystander::at(&server.url, &other).await;
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/openapi.json");
    let examples = zas_tally::amount(15).min(100);
    let mut arguments: Vec<String> =
        ["-c", RUN, "run", &document.to_string_lossy()].map(str::to_owned).into();
    let seed = zas_tally::seed(24).to_string();
    let examples_text = examples.to_string();
    let bearer = format!("Authorization: Bearer {token}");
    let options = ["--url", &server.url, "-H", &bearer, "--seed", &seed, "--max-examples", &examples_text];
    arguments.extend(options.map(str::to_owned));
    let more = [
        "--exclude-checks",
        NOT_CHECKED,
        "--no-color",
        "--suppress-health-check",
        "all",
        "--generation-database",
        "none",
    ];
    arguments.extend(more.into_iter().chain(LEFT_OUT).map(str::to_owned));
    let run = python.run(arguments, Duration::from_secs(280));
    let output = bystander.while_it_lasts(run).await;
    println!("{output}");
    let tried = output.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse().ok());
    bystander.is_well().await;
    assert_eq!(server.stop().await, Some(0));
    assert!(!setup.log().contains("panic"), "{}", setup.log());
    zas_tally::tried("P24", "requests made from the OpenAPI document", tried.expect("it says how many"));
}
