//! What every request shares.

use std::sync::Arc;

use tokio::sync::watch;
use zas_core::session::Settings;
use zas_protocol::{DeviceId, RoomId};
use zas_store::Store;

use crate::auth::Auth;
use crate::auth::limits::Gate;
use crate::committer::Committer;
use crate::config::Config;
use crate::embed::Web;
use crate::feed::anonymous::Anonymous;
use crate::feed::poll::Polls;
use crate::files::Files;
use crate::legacy::once::Once;
use crate::legacy::ticket::Tickets;
use crate::metrics::Metrics;
use crate::nodehub::NodeHub;
use crate::upstream::Upstream;
use crate::webhooks::Webhooks;

/// The server's parts, cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Settings, checked.
    pub config: Arc<Config>,
    /// What is durable.
    pub store: Arc<dyn Store>,
    /// Who is asking.
    pub auth: Arc<Auth>,
    /// Commands into commits.
    pub committer: Committer,
    /// Who is told outside.
    pub webhooks: Webhooks,
    /// Who hears what.
    pub hub: NodeHub,
    /// Blobs.
    pub files: Arc<Files>,
    /// How much each may do.
    pub gate: Arc<Gate>,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// What all sessions share.
    pub session_settings: Arc<Settings>,
    /// Sockets that have not said who they are.
    pub anonymous: Arc<Anonymous>,
    /// Long-polls that are held, by device.
    pub polls: Arc<Polls<DeviceId>>,
    /// Polls of the old contract that are held, by device and chat.
    pub old_polls: Arc<Polls<(DeviceId, RoomId)>>,
    /// What clients of the old contract have just sent without a name.
    pub once: Arc<Once>,
    /// Tickets for the old contract's sockets.
    pub tickets: Arc<Tickets>,
    /// The web client.
    pub web: Web,
    /// The existing backend, if one stands behind.
    pub upstream: Option<Arc<Upstream>>,
    /// Whether the server is draining.
    pub draining: watch::Receiver<bool>,
}
