use super::*;

fn settings(toml: &str) -> Settings {
    Settings::from_toml(toml, Path::new("test.toml")).unwrap()
}

/// What the prompt says, over a file, with the source of what the prompt says.
fn resolved(prompt: &str, file: &str, source: Source) -> Result<Loaded, ConfigError> {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("zas.toml"), file).unwrap();
    resolve(Settings { data: Some(data.path().to_owned()), ..settings(prompt) }, |_| source)
}

fn said(loaded: &Loaded, name: &str) -> (Option<String>, Source) {
    let said = loaded.said.iter().find(|said| said.name == name).unwrap();
    (said.value.clone(), said.source)
}

fn refused(prompt: &str) -> String {
    resolved(prompt, "", Source::Flag).unwrap_err().to_string()
}

#[test]
fn without_a_word_the_defaults_are_in_force() {
    let loaded = resolved("", "", Source::Flag).unwrap();
    assert_eq!(loaded.config, Config::new(loaded.config.data.clone()));
    assert!(loaded.said.iter().all(|said| said.source == Source::Default || said.name == "data"));
}

#[test]
fn the_prompt_beats_the_file_and_the_file_beats_the_default() {
    let file = "listen = \"127.0.0.1:2\"\nlog = \"debug\"\n[limits]\nping_ms = 1000\nreads_per_minute = 7\n";
    let loaded = resolved("listen = \"127.0.0.1:1\"", file, Source::Environment).unwrap();
    assert_eq!(loaded.config.listen.port(), 1);
    assert_eq!(said(&loaded, "listen"), (Some("\"127.0.0.1:1\"".to_owned()), Source::Environment));
    assert_eq!(said(&loaded, "log"), (Some("\"debug\"".to_owned()), Source::File));
    assert_eq!(said(&loaded, "demo"), (Some("false".to_owned()), Source::Default));
    assert_eq!(said(&loaded, "public_url"), (None, Source::Default));
    assert_eq!(loaded.config.limits, Limits { ping_ms: 1000, reads_per_minute: 7, ..Limits::default() });
    assert_eq!(said(&loaded, "limits.ping_ms"), (Some("1000".to_owned()), Source::File));
    assert_eq!(said(&loaded, "limits.dead_ms").1, Source::Default);
}

#[test]
fn a_limit_of_the_prompt_beats_the_one_of_the_file() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("zas.toml"), "[limits]\nreads_per_minute = 7\n").unwrap();
    let prompt = |limit: &str| Settings {
        data: Some(data.path().to_owned()),
        limit: Some(vec![limit.to_owned()]),
        ..Settings::default()
    };
    let loaded = resolve(prompt("reads_per_minute=9_000"), |_| Source::Flag).unwrap();
    assert_eq!(loaded.config.limits.reads_per_minute, 9000);
    assert_eq!(said(&loaded, "limits.reads_per_minute"), (Some("9000".to_owned()), Source::Flag));
    for bad in ["reads_per_minute", "reads_per_minute=many", "reads_per_minute=-1", "nothing_such=1"] {
        assert!(resolve(prompt(bad), |_| Source::Flag).is_err(), "{bad}");
    }
}

#[test]
fn what_is_dumped_reads_as_the_same_settings() {
    let prompt = "allowed_origins = [\"https://a.example\"]\nmetrics_listen = \"off\"\nlog = \"a=\\\"b\\\"\"\n\
                  trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\ncookie_secure = \"always\"\n[limits]\nping_ms = 9\n";
    let first = resolved(prompt, "", Source::Flag).unwrap();
    let dumped: String = first
        .to_string()
        .lines()
        .filter(|line| !line.starts_with("data"))
        .fold(String::new(), |all, line| all + line + "\n");
    let again = resolved("", &dumped, Source::Flag).unwrap();
    assert_eq!(
        Config { data: PathBuf::new(), ..again.config },
        Config { data: PathBuf::new(), ..first.config }
    );
}

#[test]
fn a_file_with_an_unknown_name_is_refused_by_its_line() {
    let error =
        resolved("", "demo = false\n\nlissten = \"127.0.0.1:1\"\n", Source::Flag).unwrap_err().to_string();
    assert!(error.contains("zas.toml, line 3") && error.contains("lissten"), "{error}");
    assert!(resolved("", "listen = \"nowhere\"", Source::Flag).is_err());
    assert!(resolved("", "[limits]\nno_such_limit = 1", Source::Flag).is_err());
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let named = Settings { config: Some(PathBuf::from("no/such.toml")), ..Settings::default() };
    assert!(resolve(named, |_| Source::Flag).unwrap_err().to_string().contains("no/such.toml"));
}

#[test]
fn only_exact_origins_are_allowed() {
    for good in ["https://a.example", "http://localhost:3000", "https://a.example:8443"] {
        assert!(resolved(&format!("allowed_origins = [{good:?}]"), "", Source::Flag).is_ok(), "{good}");
    }
    for bad in [
        "*",
        "https://*.a.example",
        "https://a.example/",
        "https://a.example/path",
        "a.example",
        "ftp://a.example",
        "https://A.example",
        "https://u@a.example",
        "null",
        "",
    ] {
        let sentence = refused(&format!("allowed_origins = [{bad:?}]"));
        assert!(sentence.starts_with("allowed_origins"), "{bad}: {sentence}");
    }
}

#[test]
fn a_demo_that_others_reach_must_be_meant() {
    assert!(refused("demo = true\nlisten = \"0.0.0.0:8000\"").starts_with("demo"));
    assert!(refused("lan = true").starts_with("lan"));
    let loaded = resolved("demo = true\nlan = true", "", Source::Flag).unwrap();
    assert_eq!(loaded.config.listen.to_string(), "0.0.0.0:8000");
    let named = resolved("demo = true\nlan = true\nlisten = \"192.0.2.1:80\"", "", Source::Flag).unwrap();
    assert_eq!(named.config.listen.to_string(), "192.0.2.1:80");
    assert!(resolved("demo = true", "", Source::Flag).is_ok());
}

#[test]
fn only_sqlite_is_a_database_yet() {
    for bad in ["mysql://zas@db/zas", "postgres://db/zas", "sqlite:", "zas.sqlite"] {
        let sentence = refused(&format!("database_url = {bad:?}"));
        assert!(sentence.starts_with("database_url"), "{bad}: {sentence}");
    }
    assert!(refused("database_url = \"mysql://zas@db/zas\"").contains("not supported by this version"));
    let path = |url: &str| Config { database_url: Some(url.to_owned()), ..Config::new("/data") }.database();
    assert_eq!(path("sqlite:/var/zas.sqlite"), Path::new("/var/zas.sqlite"));
    assert_eq!(path("sqlite:///var/zas.sqlite"), Path::new("/var/zas.sqlite"));
    assert_eq!(path("sqlite:other.sqlite"), Path::new("/data/other.sqlite"));
    assert_eq!(Config::new("/data").database(), Path::new("/data/zas.sqlite"));
}

#[test]
fn addresses_and_networks_are_read_or_refused() {
    let proxies = resolved("trusted_proxies = [\"10.0.0.0/8\", \" 192.0.2.7\"]", "", Source::Flag).unwrap();
    assert_eq!(proxies.config.trusted_proxies.len(), 2);
    assert!(refused("trusted_proxies = [\"proxy\"]").starts_with("trusted_proxies"));
    assert_eq!(resolved("metrics_listen = \"off\"", "", Source::Flag).unwrap().config.metrics_listen, None);
    assert!(refused("metrics_listen = \"9464\"").starts_with("metrics_listen"));
    assert!(refused("listen = \"127.0.0.1:9464\"").starts_with("metrics_listen"));
    assert!(refused("public_url = \"chat.example.com\"").starts_with("public_url"));
}

#[test]
fn the_settings_of_the_guide_to_ones_own_accounts_are_good_in_both_languages() {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    let blocks = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(guides.join(name)).unwrap();
        let after = text.split("```toml\n").skip(1);
        after.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let english = blocks("your-own-accounts.md");
    assert_eq!(english, blocks("your-own-accounts.es.md"));
    let together = english.iter().rev().map(String::as_str).collect::<String>();
    let config = resolved("", &together, Source::Flag).unwrap().config;
    assert_eq!((config.issuers.len(), config.webhooks.len(), config.outbound_allow.len()), (3, 1, 2));
    let django =
        resolved("issuer_key_file = \"/etc/zas/django.key\"\nissuer_home = true", "", Source::Flag).unwrap();
    let [issuer] = django.config.issuers.as_slice() else { panic!("{:?}", django.config.issuers) };
    assert_eq!((issuer.name.as_str(), issuer.home), ("backend", true));
    assert!(refused("issuer_home = true").contains("issuer_key_file"));
}

#[test]
fn an_existing_backend_is_named_by_an_address_that_can_be_and_is_not_zas_itself() {
    let loaded = resolved("upstream = \"http://127.0.0.1:8001\"", "", Source::Environment).unwrap();
    assert_eq!(loaded.config.upstream.unwrap().to_string(), "http://127.0.0.1:8001");
    let file = "upstream = \"https://old.example.com\"\nweb_listen = \"127.0.0.1:8010\"";
    let loaded = resolved("", file, Source::Flag).unwrap();
    assert_eq!(said(&loaded, "upstream"), (Some("\"https://old.example.com\"".to_owned()), Source::File));
    assert_eq!(loaded.config.web_listen.unwrap().port(), 8010);
    for bad in ["127.0.0.1:8001", "ftp://old", "http://127.0.0.1:8001/base", "", "http://localhost:8000"] {
        let sentence = refused(&format!("upstream = {bad:?}"));
        assert!(sentence.starts_with("upstream: "), "{bad}: {sentence}");
    }
    for listen in ["0.0.0.0:8001", "127.0.0.1:8001"] {
        let prompt = format!("upstream = \"http://127.0.0.1:8001\"\nlisten = {listen:?}");
        assert!(refused(&prompt).contains("Zas itself listens"), "{listen}");
    }
    let upstream = "upstream = \"http://127.0.0.1:8001\"\n";
    assert!(refused(&format!("{upstream}demo = true")).starts_with("demo"));
    assert!(refused("web_listen = \"127.0.0.1:8010\"").starts_with("web_listen"));
    for taken in ["127.0.0.1:8000", "127.0.0.1:9464"] {
        assert!(refused(&format!("{upstream}web_listen = {taken:?}")).starts_with("web_listen"), "{taken}");
    }
}
