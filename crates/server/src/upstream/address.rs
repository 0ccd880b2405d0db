//! Where the existing backend is.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};

/// `http://HOST[:PORT]` or `https://HOST[:PORT]`, and nothing after it: paths are passed on as they
/// come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    scheme: Scheme,
    authority: Authority,
}

impl FromStr for Address {
    type Err = String;

    /// # Errors
    /// What is wrong, for the prompt.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{text:?} {why}; write it as http://127.0.0.1:8001"));
        let Ok(uri) = text.parse::<Uri>() else { return wrong("is no address") };
        let Parts { scheme: Some(scheme), authority: Some(authority), path_and_query, .. } = uri.into_parts()
        else {
            return wrong("is no whole address");
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return wrong("is neither http nor https");
        }
        if authority.as_str().contains('@') {
            // The address is shown in logs and settings.
            return Err("it must hold no user and no password".to_owned());
        }
        let has_port = authority.as_str() != authority.host();
        if authority.host().is_empty() || has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return wrong("has no host, or no port that can be");
        }
        if path_and_query.is_some_and(|path| path != "/") || text.contains('#') {
            return wrong("has a path, and paths are passed on as they come");
        }
        Ok(Self { scheme, authority })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl Address {
    /// The path and query that were asked for, byte for byte, at this address. `None` for what has no
    /// path, as `OPTIONS *`.
    pub(super) fn with_path(&self, asked: &Uri) -> Option<Uri> {
        let path = asked.path_and_query().filter(|path| path.as_str().starts_with('/'));
        let path = match path {
            Some(path) => path.clone(),
            // A whole address without a path asks for `/`.
            None if asked.authority().is_some() => PathAndQuery::from_static("/"),
            None => return None,
        };
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }

    /// The port that it is reached at.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.scheme == Scheme::HTTPS { 443 } else { 80 })
    }

    /// Its host, as it is written.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_address_of_http_or_https_is_one() {
        for (text, port) in [
            ("http://127.0.0.1:8001", 8001),
            ("http://127.0.0.1:8001/", 8001),
            ("https://old.example.com", 443),
            ("http://[::1]:9", 9),
            ("http://django", 80),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.port(), port, "{text}");
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
        for (text, why) in [
            ("127.0.0.1:8001", "address"),
            ("/old", "whole address"),
            ("", "address"),
            ("ftp://old.example.com", "neither http nor https"),
            ("http://old.example.com/base", "has a path"),
            ("http://old.example.com?x", "has a path"),
            ("http://old.example.com#x", "has a path"),
            ("http://ana:secret@old.example.com", "no password"),
            ("http://old.example.com:99999", "port"),
            ("http://old.example.com:0", "port"),
        ] {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn a_path_is_passed_on_byte_for_byte() {
        let address: Address = "http://127.0.0.1:8001".parse().unwrap();
        for path in ["/", "/?", "//a//b", "/a%2Fb%20%c3%B1/../c?x=%2F&y=a+b%3D&&", "/a;b=1,2?q={}|"] {
            let uri = address.with_path(&path.parse().unwrap()).unwrap();
            assert_eq!(uri.to_string(), format!("http://127.0.0.1:8001{path}"));
        }
        let whole = address.with_path(&"http://chat.example.com/a?b".parse().unwrap()).unwrap();
        assert_eq!(whole, "http://127.0.0.1:8001/a?b");
        assert_eq!(address.with_path(&Uri::from_static("*")), None);
    }
}
