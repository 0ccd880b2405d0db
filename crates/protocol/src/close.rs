//! WebSocket close codes (RFC 6455 §7.4: 4000–4999 are the application's). The range is the
//! policy: a client that knows no more than the range does the right thing.

/// What a client does when the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnClose {
    /// Connect again, with backoff.
    Reconnect,
    /// Get a fresh access token, then connect again.
    RefreshThenReconnect,
    /// Stop, and say why.
    Stop,
}

/// Why the server closed a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS))]
#[repr(u16)]
pub enum CloseCode {
    /// The server is stopping; `drain` gave the delay.
    Drain = 4000,
    /// No byte for too long.
    Silent = 4001,
    /// The client did not read fast enough.
    SlowConsumer = 4002,
    /// The access token expired and none came in band.
    TokenExpired = 4003,
    /// A newer connection of the same user took the place.
    Replaced = 4004,
    /// A bug on our side; this connection alone is lost.
    Internal = 4005,
    /// The server cannot take another connection now.
    Overloaded = 4006,
    /// No, or no valid, token.
    Unauthenticated = 4500,
    /// The session was signed out, or the account disabled.
    Revoked = 4501,
    /// A frame larger than the limit.
    FrameTooLarge = 4502,
    /// No readable first frame in time, or frames out of place.
    ProtocolViolation = 4503,
    /// The page's origin is not on the list.
    OriginNotAllowed = 4504,
}

impl CloseCode {
    /// Every code there is.
    pub const ALL: [Self; 12] = [
        Self::Drain,
        Self::Silent,
        Self::SlowConsumer,
        Self::TokenExpired,
        Self::Replaced,
        Self::Internal,
        Self::Overloaded,
        Self::Unauthenticated,
        Self::Revoked,
        Self::FrameTooLarge,
        Self::ProtocolViolation,
        Self::OriginNotAllowed,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The reason on the wire: a name for developers, no sentence for users.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Silent => "silent",
            Self::SlowConsumer => "slow_consumer",
            Self::TokenExpired => "token_expired",
            Self::Replaced => "replaced",
            Self::Internal => "internal",
            Self::Overloaded => "overloaded",
            Self::Unauthenticated => "unauthenticated",
            Self::Revoked => "revoked",
            Self::FrameTooLarge => "frame_too_large",
            Self::ProtocolViolation => "protocol_violation",
            Self::OriginNotAllowed => "origin_not_allowed",
        }
    }
}

/// What a client does on a close code, known or not.
#[must_use]
pub const fn on_close(code: u16) -> OnClose {
    match code {
        4003 => OnClose::RefreshThenReconnect,
        4500..=4999 => OnClose::Stop,
        _ => OnClose::Reconnect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_the_policy() {
        for code in CloseCode::ALL {
            let expected = match code {
                CloseCode::TokenExpired => OnClose::RefreshThenReconnect,
                c if c.code() >= 4500 => OnClose::Stop,
                _ => OnClose::Reconnect,
            };
            assert_eq!(on_close(code.code()), expected, "{code:?}");
        }
        assert_eq!(on_close(1006), OnClose::Reconnect);
        assert_eq!(on_close(4999), OnClose::Stop);
    }
}
