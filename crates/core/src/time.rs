//! The two clocks of a machine that also says when something was.

use zas_protocol::Micros;

/// A reading of both clocks at one moment, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Never runs back, jumps or stands still: for what lasts, or is due.
    pub steady: Micros,
    /// Since 1970, and moved by whoever sets the clock: for what is shown or kept.
    pub wall: Micros,
}

/// Where no clock is ever set, one number is both.
impl From<Micros> for Now {
    fn from(now: Micros) -> Self {
        Self { steady: now, wall: now }
    }
}
