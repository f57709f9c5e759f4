//! How a target is spoken to: pure data and pure functions, no input or output.
//!
//! A *dialect* says what is sent to a server and what is awaited of it: requests and messages with placeholders
//! ([`template`]), what is taken out of answers ([`capture`]), what messages mean ([`matcher`]), and how an event is
//! recognised on arrival ([`token`]).

pub mod capture;
mod encoding;
pub mod matcher;
pub mod model;
pub mod template;
pub mod token;
pub mod word;
