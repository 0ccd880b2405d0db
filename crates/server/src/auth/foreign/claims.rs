//! What a foreign token says, once its signature is good.

use serde_json::{Map, Value};
use uuid::Uuid;
use zas_core::shape;
use zas_protocol::{ErrorCode, Micros};

use crate::auth::tokens::LEEWAY_SECONDS;
use crate::config::Issuer;

/// Bytes of a subject.
pub const SUBJECT_BYTES: usize = 128;

const SECOND: Micros = 1_000_000;

/// Whom a good token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visitor {
    /// What the issuer calls them; a UUID in its one form.
    pub(super) subject: String,
    /// Their username at the issuer; empty where it says none.
    pub(super) username: String,
    /// As a name of ours; empty where it says none that is one.
    pub(super) display_name: String,
    /// As an email of ours; empty where it says none that is one.
    pub(super) email: String,
    /// When the token was issued, in whole seconds; 0 where it does not say.
    pub(super) issued_at: Micros,
    /// When it expires.
    pub(super) expires_at: Micros,
}

/// Reads the claims of an issuer's token whose signature is good.
///
/// # Errors
/// [`ErrorCode::Unauthenticated`], whatever is wrong with them.
pub(super) fn read(issuer: &Issuer, claims: &Map<String, Value>, now: Micros) -> Result<Visitor, ErrorCode> {
    check(issuer, claims, now).ok_or(ErrorCode::Unauthenticated)
}

fn check(issuer: &Issuer, claims: &Map<String, Value>, now: Micros) -> Option<Visitor> {
    let leeway = LEEWAY_SECONDS * SECOND;
    let expires_at = time(claims.get("exp")?)?;
    let in_time = now < expires_at.saturating_add(leeway);
    let has_begun = |name| match claims.get(name) {
        Some(from) => time(from).is_some_and(|from| from <= now.saturating_add(leeway)),
        None => true,
    };
    // A refresh token, of Django's or anybody's, is no access token.
    let is_access = claims.get("token_type").is_none_or(|kind| kind == "access");
    let is_for_us = match (claims.get("aud"), &issuer.audience) {
        (None, None) => true,
        (Some(Value::String(aud)), Some(ours)) => aud == ours,
        (Some(Value::Array(all)), Some(ours)) => all.iter().any(|aud| aud == ours.as_str()),
        _ => false,
    };
    let is_theirs = issuer.iss.as_ref().is_none_or(|iss| claims.get("iss").is_some_and(|said| said == iss));
    if !(in_time && has_begun("nbf") && has_begun("iat") && is_access && is_for_us && is_theirs) {
        return None;
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    Some(Visitor {
        subject: subject(claims.get(&issuer.user_claim)?)?,
        username: text(&issuer.username_claim).to_owned(),
        display_name: shape::name(text(&issuer.display_name_claim)).unwrap_or_default(),
        email: shape::email(text(&issuer.email_claim)).unwrap_or_default(),
        issued_at: claims.get("iat").and_then(time).unwrap_or(0),
        expires_at,
    })
}

/// A `NumericDate` (RFC 7519 §2) in whole seconds.
fn time(value: &Value) -> Option<Micros> {
    let seconds = value.as_i64().or_else(|| {
        let float = value.as_f64().filter(|float| (0.0..1e15).contains(float))?;
        #[expect(clippy::cast_possible_truncation, reason = "it is in range, and its fraction is left out")]
        Some(float as i64)
    })?;
    (seconds >= 0).then(|| seconds.saturating_mul(SECOND))
}

/// A number, or a short text that shows.
pub(super) fn subject(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return None,
    };
    let ok =
        (1..=SUBJECT_BYTES).contains(&text.len()) && text.trim() == text && !text.contains(char::is_control);
    let is_uuid = matches!(text.len(), 32 | 36);
    let uuid = is_uuid.then(|| Uuid::parse_str(&text).ok()).flatten();
    ok.then(|| uuid.map_or(text, |uuid| uuid.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::issuers::Signing;

    const NOW: Micros = 1_700_000_000 * SECOND;

    fn issuer() -> Issuer {
        Issuer::new("a", Signing::HS256)
    }

    fn good() -> Value {
        json!({"token_type": "access", "exp": 1_700_000_300, "iat": 1_700_000_000, "jti": "x", "user_id": 7})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    fn read_by(issuer: &Issuer, claims: &Value) -> Option<Visitor> {
        read(issuer, claims.as_object().unwrap(), NOW).ok()
    }

    #[test]
    fn a_subject_is_a_number_a_uuid_in_one_form_or_a_short_text() {
        let uuid = "0b6b2fd4-7a6e-4b7e-9d5c-0a3f6f1f8a11";
        for (value, text) in [
            (json!(7), "7"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(-1), "-1"),
            (json!("7"), "7"),
            (json!(uuid), uuid),
            (json!(uuid.to_uppercase()), uuid),
            (json!(uuid.replace('-', "")), uuid),
            (json!("ana@example.org"), "ana@example.org"),
            (json!("ñ"), "ñ"),
        ] {
            assert_eq!(subject(&value).as_deref(), Some(text), "{value}");
        }
        assert!(subject(&json!("a".repeat(SUBJECT_BYTES - 1))).is_some());
        assert!(subject(&json!("a".repeat(SUBJECT_BYTES))).is_some());
        assert!(subject(&json!("a".repeat(SUBJECT_BYTES + 1))).is_none());
        for bad in [
            json!(""),
            json!(" 7"),
            json!("7\n"),
            json!("a\0b"),
            json!(1.5),
            json!(true),
            json!(null),
            json!([7]),
            json!({}),
        ] {
            assert_eq!(subject(&bad), None, "{bad}");
        }
    }

    #[test]
    fn times_count_with_their_leeway_and_an_end_is_needed() {
        let seconds = NOW / SECOND;
        for (name, value, ok) in [
            ("exp", json!(seconds - 29), true),
            ("exp", json!(seconds - 30), false),
            ("exp", json!(i64::MAX), true),
            ("exp", json!(1_700_000_300.5), true),
            ("exp", json!(1e300), false),
            ("exp", json!(-1), false),
            ("exp", json!("1700000300"), false),
            ("exp", json!(null), false),
            ("nbf", json!(seconds + 30), true),
            ("nbf", json!(seconds + 31), false),
            ("iat", json!(seconds + 31), false),
            ("iat", json!("now"), false),
            ("token_type", json!("refresh"), false),
            ("token_type", json!("sliding"), false),
            ("token_type", json!(null), false),
            ("aud", json!("anybody"), false),
            ("iss", json!("anybody"), true),
            ("user_id", json!(null), false),
        ] {
            assert_eq!(read_by(&issuer(), &with(name, value.clone())).is_some(), ok, "{name} {value}");
        }
        for (name, ok) in
            [("exp", false), ("user_id", false), ("iat", true), ("token_type", true), ("jti", true)]
        {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(read_by(&issuer(), &claims).is_some(), ok, "without {name}");
        }
    }

    #[test]
    fn audience_and_issuer_are_asked_for_where_they_are_set() {
        let strict = Issuer { audience: Some("chat".into()), iss: Some("https://id".into()), ..issuer() };
        let claims = |aud: Value, iss: Value| {
            let mut claims = with("aud", aud);
            claims["iss"] = iss;
            claims
        };
        for aud in [json!("chat"), json!(["shop", "chat"])] {
            assert!(read_by(&strict, &claims(aud, json!("https://id"))).is_some());
        }
        for aud in
            [json!("shop"), json!([]), json!(["cha"]), json!(null), json!({"chat": 1}), json!(["chat "])]
        {
            assert!(read_by(&strict, &claims(aud.clone(), json!("https://id"))).is_none(), "{aud}");
        }
        for iss in [json!("https://id/"), json!(["https://id"]), json!(null)] {
            assert!(read_by(&strict, &claims(json!("chat"), iss.clone())).is_none(), "{iss}");
        }
        assert!(read_by(&strict, &good()).is_none());
    }

    #[test]
    fn names_that_are_none_of_ours_are_left_out() {
        let mut claims = with("username", json!("Ana"));
        claims["display_name"] = json!("Ana\u{202e} ");
        claims["email"] = json!("ANA@example.org");
        let visitor = read_by(&issuer(), &claims).unwrap();
        assert_eq!(
            (visitor.username.as_str(), visitor.display_name.as_str(), visitor.email.as_str()),
            ("Ana", "Ana", "ana@example.org")
        );
        for (name, value) in
            [("display_name", json!("x".repeat(61))), ("display_name", json!(7)), ("email", json!("ana"))]
        {
            let visitor = read_by(&issuer(), &with(name, value)).unwrap();
            assert_eq!((visitor.display_name.as_str(), visitor.email.as_str()), ("", ""));
        }
    }
}
