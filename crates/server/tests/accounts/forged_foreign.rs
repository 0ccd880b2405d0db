//! Tokens that look like another backend's and are not, on every rung: each algorithm's weak places, keys
//! of the wrong kind, claims that are off.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use zas_core::policy;
use zas_server::config::Issuer;

use crate::forged::{Forged, Mint, by_request, by_socket, by_the_old_socket};
use crate::logs;
use crate::support::Server;
use crate::support::issuer::{Signer, access, part, publish, seconds, with};

/// The backends that the server knows.
struct Known {
    hs: Signer,
    rs: Signer,
    es: Signer,
    ed: Signer,
}

impl Known {
    fn all(&self) -> [&Signer; 4] {
        [&self.hs, &self.rs, &self.es, &self.ed]
    }

    /// What each takes.
    fn good(signer: &Signer) -> Value {
        match signer {
            Signer::Rs(_) => with(with(access(7), "iss", "https://id.example.com"), "aud", "chat"),
            _ => access(7),
        }
    }
}

fn headers(signer: &Signer) -> Vec<Forged> {
    let claims = Known::good(signer);
    let sign =
        |header: Value| (format!("{} under {header}", signer.alg()), signer.token_under(&header, &claims));
    let algorithms = [
        "none", "None", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "ES256",
        "ES384", "EdDSA", "",
    ];
    let others = algorithms.into_iter().filter(|alg| *alg != signer.alg());
    let mut forged: Vec<Forged> = others.map(|alg| sign(json!({"alg": alg, "typ": "JWT"}))).collect();
    forged.push(sign(json!({"alg": signer.alg(), "crit": ["exp"]})));
    forged.push(sign(json!({"alg": signer.alg(), "crit": ["b64"], "b64": false})));
    forged.push(sign(json!({"typ": "JWT"})));
    forged
}

fn claims(signer: &Signer) -> Vec<Forged> {
    let good = Known::good(signer);
    let token = |claims: Value| (format!("{} claims {claims}", signer.alg()), signer.token(&claims));
    let set = |name: &str, value: Value| token(with(good.clone(), name, value));
    let now = seconds();
    let mut forged: Vec<Forged> = [
        ("exp", json!(now - 31)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("exp", json!((now + 300).to_string())),
        ("exp", json!([now + 300])),
        ("nbf", json!(now + 60)),
        ("nbf", json!("now")),
        ("iat", json!(now + 60)),
        ("iat", json!(true)),
        ("token_type", json!("refresh")),
        ("token_type", json!("sliding")),
        ("token_type", json!("Access")),
        ("token_type", json!(["access"])),
        ("token_type", json!(null)),
        ("aud", json!("elsewhere")),
        ("aud", json!(["elsewhere"])),
        ("aud", json!([])),
        ("aud", json!({"chat": true})),
        ("user_id", json!(null)),
        ("user_id", json!("")),
        ("user_id", json!(" 7")),
        ("user_id", json!("7\u{0}")),
        ("user_id", json!(7.5)),
        ("user_id", json!(true)),
        ("user_id", json!([7])),
        ("user_id", json!({"id": 7})),
        ("user_id", json!("x".repeat(129))),
    ]
    .into_iter()
    .map(|(name, value)| set(name, value))
    .collect();
    for name in ["exp", "user_id"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        forged.push(token(claims));
    }
    if let Signer::Hs(_) = signer {
        // Of the issuer whose UUIDs are user ids.
        let nobody = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"];
        forged.extend(nobody.map(|id| set("user_id", json!(id))));
        forged.push(set("user_id", json!(policy::SERVER.to_string())));
    }
    if let Signer::Rs(_) = signer {
        for iss in [json!("https://id.example.com/"), json!(["https://id.example.com"]), json!(null)] {
            forged.push(set("iss", iss));
        }
        forged.push(token(access(7)));
        forged.push(token(with(access(7), "aud", "chat")));
    }
    for body in ["[]", "null", "\"access\"", "7", "", "{", "{\"exp\":"] {
        let signed = format!("{}.{}", part(json!({"alg": signer.alg()}).to_string()), part(body));
        let signature = part(signer.sign(signed.as_bytes()));
        forged.push((format!("{} over {body}", signer.alg()), format!("{signed}.{signature}")));
    }
    forged
}

/// What everybody may know, used as if it were the secret of HS256; and keys that a token brings itself.
fn keys(known: &Known, server: &Server) -> Vec<Forged> {
    let mut forged = Vec::new();
    let mut by = |what: String, secret: Vec<u8>| {
        let signer = Signer::Hs(secret);
        forged.push((what.clone(), signer.token(&access(7))));
        let named = json!({"alg": "HS256", "kid": "one"});
        forged.push((format!("{what}, named"), signer.token_under(&named, &access(7))));
    };
    for signer in [&known.rs, &known.es, &known.ed] {
        let (pem, der) = (signer.public_pem(), signer.public_der());
        by(format!("HS256 by the PEM of {}", signer.alg()), pem.clone().into_bytes());
        by(format!("HS256 by its line of {}", signer.alg()), pem.trim().as_bytes().to_vec());
        by(format!("HS256 by its body of {}", signer.alg()), STANDARD.encode(&der).into_bytes());
        by(format!("HS256 by the DER of {}", signer.alg()), der.clone());
        by(format!("HS256 by the bits of {}", signer.alg()), der[der.len() - 32..].to_vec());
        by(format!("HS256 by the JWK of {}", signer.alg()), signer.jwk("one").to_string().into_bytes());
    }
    let Signer::Hs(secret) = &known.hs else { panic!("it is a secret") };
    by("HS256 by half of the secret".into(), secret[..secret.len() / 2].to_vec());
    by("HS256 by the secret and its line".into(), [secret.as_slice(), b"\n"].concat());
    by("HS256 by nothing".into(), Vec::new());
    by("HS256 by our own key of access".into(), server.keys.access.bytes().to_vec());
    by("HS256 by our own key of refresh".into(), server.keys.refresh.bytes().to_vec());
    by("HS256 by our own key of files".into(), server.keys.files.bytes().to_vec());
    // Somebody else's keys, which the header offers.
    for stranger in [Signer::rs(), Signer::es(), Signer::ed()] {
        let alg = stranger.alg();
        for header in [
            json!({"alg": alg}),
            json!({"alg": alg, "kid": "one"}),
            json!({"alg": alg, "kid": "one", "jwk": stranger.jwk("one")}),
            json!({"alg": alg, "jku": "http://127.0.0.1:9/jwks.json"}),
            json!({"alg": alg, "x5c": [STANDARD.encode(stranger.public_der())]}),
        ] {
            forged.push((format!("a stranger's {header}"), stranger.token_under(&header, &access(7))));
        }
    }
    // One backend's signature under another's algorithm.
    for signer in known.all() {
        for other in known.all() {
            if signer.alg() != other.alg() {
                let header = json!({"alg": other.alg(), "kid": "one"});
                let token = signer.token_under(&header, &Known::good(other));
                forged.push((format!("{} as if by {}", signer.alg(), other.alg()), token));
            }
        }
    }
    // Signatures that a careless check takes for any message.
    for signer in known.all() {
        let claims = Known::good(signer).to_string();
        let signed = format!("{}.{}", part(json!({"alg": signer.alg()}).to_string()), part(claims));
        for signature in
            [vec![], vec![0; 32], vec![0; 64], vec![0; 256], vec![0xff; 64], vec![0x30, 6, 2, 1, 0, 2, 1, 0]]
        {
            forged.push((
                format!("{} by {signature:?}", signer.alg()),
                format!("{signed}.{}", part(signature)),
            ));
        }
    }
    forged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_token_of_another_backend_is_taken_on_any_rung_or_shows_in_a_log() {
    logs::keep();
    let known = Known { hs: Signer::hs(), rs: Signer::rs(), es: Signer::es(), ed: Signer::ed() };
    let (_published, url) = publish(vec![known.ed.jwk("one"), known.hs.jwk("secret")]).await;
    let server = Server::with(|config| {
        config.outbound_allow = vec!["127.0.0.1/32".parse().unwrap()];
        config.issuers = vec![
            Issuer { home: true, ..known.hs.issuer("django", &config.data) },
            Issuer {
                audience: Some("chat".into()),
                iss: Some("https://id.example.com".into()),
                ..known.rs.issuer("id", &config.data)
            },
            known.es.issuer("shop", &config.data),
            Issuer { jwks_url: Some(url), ..Issuer::new("cloud", known.ed.signing()) },
        ];
    })
    .await;
    let mut forged = keys(&known, &server);
    for signer in known.all() {
        let good = signer.token(&Known::good(signer));
        forged.extend(headers(signer));
        forged.extend(claims(signer));
        let mint = Mint::new(&server.keys, &good);
        forged.extend(mint.headers().into_iter().filter(|(_, token)| *token != good));
        // Each damage once; that of a signature is every algorithm's own.
        let damaged = mint.damaged().into_iter().filter(|(what, _)| what != "another last letter");
        forged.extend(damaged.step_by(if matches!(signer, Signer::Hs(_)) { 1 } else { 7 }));
    }
    forged.sort_by(|one, other| one.1.cmp(&other.1));
    forged.dedup_by(|one, other| one.1 == other.1);
    assert!(forged.len() >= 900, "{}", forged.len());
    stream::iter(&forged)
        .for_each_concurrent(8, async |(what, token)| {
            by_request(&server, what, token).await;
            by_socket(&server, what, token).await;
            by_the_old_socket(&server, what, token).await;
        })
        .await;
    assert_eq!(server.app.store.count_users().await.unwrap(), 0, "nobody came of it");
    for signer in known.all() {
        let good = signer.token(&Known::good(signer));
        assert!(crate::is_let_in(&server, &good).await, "{} is taken", signer.alg());
    }
    let logged = logs::text();
    for (what, token) in forged.iter().filter(|(_, token)| token.len() > 20) {
        assert!(!logged.contains(token.as_str()), "a log shows a token ({what})");
    }
    zas_tally::tried("P12", "forged tokens of other backends, each shown by seven ways", forged.len() as u64);
}
