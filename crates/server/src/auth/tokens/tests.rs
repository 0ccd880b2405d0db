use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const NOW: Micros = 1_800_000_000_000_000;

struct Rig {
    keys: Keys,
    signer: Signer,
    user: UserId,
    device: DeviceId,
}

impl Rig {
    fn new() -> Self {
        let keys = Keys::random();
        let signer = Signer::new(&keys);
        Self { keys, signer, user: UserId::mint(NOW, [1; 10]), device: DeviceId::mint(NOW, [2; 10]) }
    }

    fn pair(&self) -> Pair {
        let bearer =
            Bearer { user: self.user, username: "ana", display_name: "Ana Ruiz", device: self.device };
        self.signer.sign(bearer, "j1", NOW).unwrap()
    }

    /// The claims of a good access token.
    fn claims(&self) -> Value {
        json!({
            "token_type": "access", "exp": NOW / SECOND + 3600, "iat": NOW / SECOND, "jti": "j1",
            "user_id": self.user, "username": "ana", "display_name": "Ana Ruiz", "sid": self.device,
        })
    }

    fn forge(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        encode(&claims, &self.signer.access.0).unwrap()
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn a_token_says_whose_it_is_and_for_how_long() {
    let rig = Rig::new();
    let pair = rig.pair();
    let claims = rig.signer.read_access(&pair.access, NOW).unwrap();
    assert_eq!((claims.user_id, claims.sid, claims.username.as_str()), (rig.user, rig.device, "ana"));
    assert_eq!(pair.expires_at, NOW + ACCESS_SECONDS * SECOND);
    assert_eq!(claims.expires_at(), pair.expires_at);
    let refresh = rig.signer.read_refresh(&pair.refresh, NOW).unwrap();
    assert_eq!((refresh.jti.as_str(), refresh.sid), ("j1", rig.device));
}

#[test]
fn the_same_claims_give_the_same_bytes() {
    let rig = Rig::new();
    assert!(rig.pair() == rig.pair());
}

#[test]
fn a_token_expires_after_its_time_and_the_leeway() {
    let rig = Rig::new();
    let pair = rig.pair();
    for (life, read) in [
        (
            ACCESS_SECONDS,
            &(|now| rig.signer.read_access(&pair.access, now).is_ok()) as &dyn Fn(Micros) -> bool,
        ),
        (REFRESH_SECONDS, &|now| rig.signer.read_refresh(&pair.refresh, now).is_ok()),
    ] {
        let end = NOW + (life + LEEWAY_SECONDS) * SECOND;
        assert!(read(end - 1));
        assert!(!read(end));
        assert!(!read(end + 1));
    }
    assert!(rig.signer.read_spent_refresh(&pair.refresh).is_ok());
}

#[test]
fn forged_tokens_are_refused() {
    let rig = Rig::new();
    let pair = rig.pair();
    let parts: Vec<&str> = pair.access.split('.').collect();
    let (header, body, signature) = (parts[0], parts[1], parts[2]);
    let with_header = |value: Value| format!("{}.{body}.{signature}", part(&value));
    let signed_with = |algorithm: Algorithm, secret: &[u8]| {
        jsonwebtoken::encode(&Header::new(algorithm), &rig.claims(), &EncodingKey::from_secret(secret))
            .unwrap()
    };
    let mut other_user = rig.claims();
    other_user["user_id"] = json!(UserId::mint(NOW, [9; 10]));
    let forged = [
        ("alg none, unsigned", format!("{}.{body}.", part(&json!({"alg": "none", "typ": "JWT"})))),
        ("alg None, unsigned", format!("{}.{body}.", part(&json!({"alg": "None", "typ": "JWT"})))),
        ("alg NONE, signature kept", with_header(json!({"alg": "NONE"}))),
        ("alg empty", with_header(json!({"alg": ""}))),
        ("alg missing", with_header(json!({"typ": "JWT"}))),
        ("alg null", with_header(json!({"alg": null}))),
        ("alg RS256, HMAC signature", with_header(json!({"alg": "RS256", "typ": "JWT"}))),
        ("alg ES256, HMAC signature", with_header(json!({"alg": "ES256", "typ": "JWT"}))),
        ("alg EdDSA, HMAC signature", with_header(json!({"alg": "EdDSA", "typ": "JWT"}))),
        ("alg HS384 with our key", signed_with(Algorithm::HS384, rig.keys.access.bytes())),
        ("alg HS512 with our key", signed_with(Algorithm::HS512, rig.keys.access.bytes())),
        ("another key", signed_with(Algorithm::HS256, &[0; 32])),
        ("an empty key", signed_with(Algorithm::HS256, &[])),
        ("the key as text", signed_with(Algorithm::HS256, rig.keys.access.to_base64().as_bytes())),
        ("the refresh key", signed_with(Algorithm::HS256, rig.keys.refresh.bytes())),
        ("a refresh token", pair.refresh.clone()),
        ("another person's claims", format!("{header}.{}.{signature}", part(&other_user))),
        ("no signature", format!("{header}.{body}")),
        ("an empty signature", format!("{header}.{body}.")),
        ("half a signature", format!("{header}.{body}.{}", &signature[..signature.len() / 2])),
        ("a fourth part", format!("{}.x", pair.access)),
        ("a padded signature", format!("{}=", pair.access)),
        ("a space before", format!(" {}", pair.access)),
        ("a line end after", format!("{}\n", pair.access)),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("a refresh type with the access key", rig.forge(|c| c["token_type"] = json!("refresh"))),
        ("another type", rig.forge(|c| c["token_type"] = json!("Access"))),
        ("a type that is a list", rig.forge(|c| c["token_type"] = json!(["access"]))),
        ("no type", rig.forge(|c| drop(c.as_object_mut().unwrap().remove("token_type")))),
        ("no expiry", rig.forge(|c| drop(c.as_object_mut().unwrap().remove("exp")))),
        ("an expiry as text", rig.forge(|c| c["exp"] = json!("9999999999"))),
        ("an expiry of null", rig.forge(|c| c["exp"] = json!(null))),
        ("expired", rig.forge(|c| c["exp"] = json!(NOW / SECOND - 31))),
        ("expired before time began", rig.forge(|c| c["exp"] = json!(i64::MIN))),
        ("no device", rig.forge(|c| drop(c.as_object_mut().unwrap().remove("sid")))),
        ("no user", rig.forge(|c| drop(c.as_object_mut().unwrap().remove("user_id")))),
        ("a user that is no id", rig.forge(|c| c["user_id"] = json!("1"))),
        ("for another audience", rig.forge(|c| c["aud"] = json!("elsewhere"))),
        ("too long", rig.forge(|c| c["display_name"] = json!("x".repeat(AUTH_FRAME_BYTES)))),
    ];
    for (what, token) in &forged {
        let read = rig.signer.read_access(token, NOW);
        assert_eq!(read, Err(ErrorCode::Unauthenticated), "{what}");
    }
    assert!(rig.signer.read_access(&rig.forge(|_| {}), NOW).is_ok(), "the rig signs as the server does");
}

#[test]
fn an_access_token_refreshes_nothing() {
    let rig = Rig::new();
    let pair = rig.pair();
    assert_eq!(rig.signer.read_refresh(&pair.access, NOW), Err(ErrorCode::Unauthenticated));
    let mut claims = rig.claims();
    claims["token_type"] = json!("refresh");
    let with_access_key = encode(&claims, &rig.signer.access.0).unwrap();
    assert_eq!(rig.signer.read_refresh(&with_access_key, NOW), Err(ErrorCode::Unauthenticated));
    claims["token_type"] = json!("access");
    let with_refresh_key = encode(&claims, &rig.signer.refresh.0).unwrap();
    assert_eq!(rig.signer.read_refresh(&with_refresh_key, NOW), Err(ErrorCode::Unauthenticated));
}
