//! The token that marks an event, so that whoever receives it recognises it in any format.
