//! The load generator and the delivery audit behind `zas bench`.
