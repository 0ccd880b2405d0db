//! All that this process logs, at the finest level that an operator can ask for.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::util::SubscriberInitExt as _;
use zas_server::config::LogFormat;
use zas_server::log;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs from here on as the program does that is told to log everything.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| log::subscriber("trace", LogFormat::Text, false, || Lines).unwrap().init());
}

/// What was logged so far.
pub(crate) fn text() -> String {
    String::from_utf8(LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
}
