//! What a client's frame leads to.

use zas_protocol::limits::AUTH_FRAME_BYTES;
use zas_protocol::{
    Advance, ClientFrame, CloseCode, Command, Cursor, DeviceId, ErrorCode, Hello, Micros, Nack, ServerFrame,
    Signal, TxnId, UserId,
};

use super::feed::Feed;
use super::{Effect, Identity, Settings, State, Token, UNREADABLE_IN_A_ROW, millis, refused, seen, send};
use crate::rate::{Bucket, Rate};
use crate::shape;

/// How often a ping is answered with heads too. They are asked of the hub that all connections share;
/// a client pings far less often than this.
pub const HEADS: Rate = Rate { per_minute: 60, burst: 20 };

/// The client of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) identity: Identity,
    /// Unreadable frames since the last readable one.
    unreadable: u8,
    /// A fresh token is being looked at.
    refreshing: bool,
    signals: Bucket,
    heads: Bucket,
}

impl Default for Peer {
    /// Nobody: what is left of a state that is being left.
    fn default() -> Self {
        let nil = uuid::Uuid::nil();
        Self::new(Identity { user: UserId(nil), device: DeviceId(nil), expires_at: 0 })
    }
}

/// The first frame of a connection.
pub(super) fn greet(
    now: Micros,
    text: &str,
    settings: &Settings,
    effects: &mut Vec<Effect>,
) -> Result<State, CloseCode> {
    if text.len() > AUTH_FRAME_BYTES {
        return Err(CloseCode::FrameTooLarge);
    }
    let Ok(ClientFrame::Hello(hello)) = ClientFrame::decode(text) else {
        return Err(CloseCode::ProtocolViolation);
    };
    let seen = seen(&hello.body, settings);
    let Hello { token, cursor, .. } = hello.body;
    let Some(token) = token else {
        return Err(refused(ErrorCode::Unauthenticated, effects));
    };
    effects.push(Effect::Authenticate(Token(token)));
    Ok(State::Authenticating { until: now + millis(settings.limits.auth_timeout_ms), cursor, seen })
}

/// The frame after a first one without a cursor.
pub(super) fn resume(text: &str) -> Result<Cursor, CloseCode> {
    match ClientFrame::decode(text) {
        Ok(ClientFrame::Resume(resume)) => Ok(resume.body.cursor),
        _ => Err(CloseCode::ProtocolViolation),
    }
}

impl Peer {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            unreadable: 0,
            refreshing: false,
            signals: Bucket::default(),
            heads: Bucket::default(),
        }
    }

    pub(super) fn frame(
        &mut self,
        now: Micros,
        text: &str,
        feed: &Feed,
        draining: bool,
        settings: &Settings,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseCode> {
        let frame = match ClientFrame::decode(text) {
            Ok(frame) => frame,
            Err(unreadable) => return self.unreadable(unreadable.txn_id, effects),
        };
        self.unreadable = 0;
        match frame {
            ClientFrame::Hello(_) | ClientFrame::Resume(_) => return Err(CloseCode::ProtocolViolation),
            ClientFrame::Refresh(refresh) => {
                if !self.refreshing {
                    self.refreshing = true;
                    effects.push(Effect::Authenticate(Token(refresh.body.token)));
                }
            }
            ClientFrame::Ping(ping) => {
                send(&ServerFrame::Pong { n: ping.body.n }, effects);
                if self.heads.check(now, HEADS).is_ok() {
                    effects.push(Effect::AskHeads);
                }
            }
            ClientFrame::Command(command) if draining => {
                nack(command.txn_id().clone(), ErrorCode::Draining, effects);
            }
            ClientFrame::Command(command) => submit(command, settings, effects),
            ClientFrame::Signal(signal) => {
                let per_minute = settings.limits.signals_per_minute;
                let rate = Rate { per_minute, burst: (per_minute / 4).max(1) };
                if let Some(signal) = within_bounds(signal, feed)
                    && self.signals.check(now, rate).is_ok()
                {
                    effects.push(Effect::Signal(signal));
                }
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, txn_id: Option<TxnId>, effects: &mut Vec<Effect>) -> Result<(), CloseCode> {
        self.unreadable += 1;
        if self.unreadable > UNREADABLE_IN_A_ROW {
            return Err(CloseCode::ProtocolViolation);
        }
        match txn_id {
            Some(txn_id) => nack(txn_id, ErrorCode::BadRequest, effects),
            None => {
                send(&ServerFrame::Error { code: ErrorCode::BadRequest, retry_after_ms: None }, effects);
            }
        }
        Ok(())
    }

    /// A fresh token in band names the same person and device, or the connection ends.
    pub(super) fn refreshed(&mut self, identity: Identity) -> Result<(), CloseCode> {
        if !std::mem::take(&mut self.refreshing) {
            return Ok(());
        }
        if (identity.user, identity.device) != (self.identity.user, self.identity.device) {
            return Err(CloseCode::Unauthenticated);
        }
        self.identity.expires_at = self.identity.expires_at.max(identity.expires_at);
        Ok(())
    }

    /// The old token is good until it expires, unless the session was signed out.
    pub(super) fn not_refreshed(
        &mut self,
        code: ErrorCode,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseCode> {
        if !std::mem::take(&mut self.refreshing) {
            return Ok(());
        }
        if code == ErrorCode::Revoked {
            return Err(refused(code, effects));
        }
        send(&ServerFrame::Error { code, retry_after_ms: None }, effects);
        Ok(())
    }
}

fn submit(mut command: Command, settings: &Settings, effects: &mut Vec<Effect>) {
    match shape::normalize(&mut command, &settings.limits) {
        Ok(()) => effects.push(Effect::Submit(command)),
        Err(code) => nack(command.txn_id().clone(), code, effects),
    }
}

fn nack(txn_id: TxnId, code: ErrorCode, effects: &mut Vec<Effect>) {
    send(&ServerFrame::Nack(Nack { txn_id, code, retry_after_ms: None, first: None }), effects);
}

/// What of a signal concerns rooms that are followed, and places that exist. A person's own log
/// hears no signals.
fn within_bounds(signal: Signal, feed: &Feed) -> Option<Signal> {
    match signal {
        Signal::Typing { room, .. } => feed.shared_head(room).is_some().then_some(signal),
        Signal::Positions { mut advances } => {
            advances.retain_mut(|advance: &mut Advance| {
                let head = feed.shared_head(advance.room).unwrap_or(0);
                advance.read = advance.read.min(head);
                advance.delivered = advance.delivered.min(head).max(advance.read);
                advance.delivered > 0
            });
            (!advances.is_empty()).then_some(Signal::Positions { advances })
        }
    }
}
